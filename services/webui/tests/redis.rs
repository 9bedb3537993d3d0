//! The program and a real Redis: what it says while Redis is there, away and back.

use std::time::Duration;

use redis::Connection;
use serde_json::Value;
use testbed::{Program, RedisServer, get, wait_for};

/// Longer than anything here takes, even on a busy machine.
const BOUND: Duration = Duration::from_secs(30);

fn webui(redis: &RedisServer) -> (Program, String) {
    let url = redis.url();
    let args = ["--listen", "127.0.0.1:0", "--redis-url", &url];
    let mut program = Program::start(env!("CARGO_BIN_EXE_webui"), &args);
    let address = program.address();
    (program, address)
}

fn client(server: &RedisServer) -> Connection {
    redis::Client::open(server.url()).unwrap().get_connection().unwrap()
}

fn run(connection: &mut Connection, command: &[&str]) {
    let () = redis::cmd(command[0]).arg(&command[1..]).query(connection).unwrap();
}

fn ready(address: &str, wanted: u16) -> String {
    wait_for(&format!("/readyz with {wanted}"), BOUND, || {
        let answer = get(address, "/readyz")?;
        if answer.status == wanted { Ok(answer.body) } else { Err(format!("{answer:?}")) }
    })
}

fn state(address: &str) -> Value {
    serde_json::from_str(&get(address, "/api/state").unwrap().body).unwrap()
}

/// Waits until the state of the page is as wanted.
fn state_where(address: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    wait_for(what, BOUND, || {
        let state = state(address);
        if wanted(&state) { Ok(state) } else { Err(state.to_string()) }
    })
}

#[test]
fn the_public_json_shows_the_keys_as_they_are() {
    let redis = RedisServer::start();
    let (_webui, address) = webui(&redis);
    let before: Value = serde_json::from_str(&get(&address, "/json").unwrap().body).unwrap();
    assert_eq!((&before["hashes"], &before["coins"]), (&Value::Null, &Value::from(0)));
    let mut keys = client(&redis);
    run(&mut keys, &["SET", "hashes", "345"]);
    run(&mut keys, &["HSET", "wallet", "0a", "first", "0b", "second"]);
    let answer = get(&address, "/json").unwrap();
    let json: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!((&json["hashes"], &json["coins"]), (&Value::from("345"), &Value::from(2)));
    assert!(json["now"].as_f64().unwrap() > 1e9, "{json}");
    assert_eq!(json.as_object().unwrap().len(), 3);
}

#[test]
fn a_redis_that_goes_and_returns_leaves_a_gap_and_two_lines() {
    let mut redis = RedisServer::start();
    let (program, address) = webui(&redis);
    run(&mut client(&redis), &["SET", "hashes", "77"]);
    assert_eq!(ready(&address, 200), "ready\n");
    state_where(&address, "a few samples", |state| state["history"]["samples"].as_array().unwrap().len() >= 3);

    redis.kill();
    let reason = ready(&address, 503);
    assert!(reason.starts_with("not ready: redis is away: "), "{reason}");
    let away = state_where(&address, "a sample without figures", |state| {
        let samples = state["history"]["samples"].as_array().unwrap();
        samples.last().unwrap()[3].is_null()
    });
    let health = &away["ledger"];
    let since = health["since"].as_f64().unwrap();
    assert_eq!((&health["kind"], &health["ok"]), (&Value::from("redis"), &Value::from(false)), "{away}");
    assert!(!health["reason"].as_str().unwrap().is_empty(), "{away}");
    assert!(
        since > away["history"]["samples"][0][1].as_f64().unwrap() && since <= away["now"].as_f64().unwrap(),
        "{away}"
    );
    // The last that was known stays, the speed does not.
    assert_eq!((&away["totals"]["hashes"], &away["speed"]["hashes_per_second"]), (&Value::from(77), &Value::Null));
    let answer = get(&address, "/json").unwrap();
    let error = serde_json::from_str::<Value>(&answer.body).unwrap()["error"].to_string();
    assert!(answer.status == 503 && error.contains("redis is away: "), "{answer:?}");
    assert_eq!(get(&address, "/healthz").unwrap().status, 200);
    assert_eq!(get(&address, "/").unwrap().status, 200);
    assert!(get(&address, "/metrics").unwrap().body.contains("webui_ledger_up 0"));
    // A long outage is one outage.
    state_where(&address, "some lost questions", |state| {
        let samples = state["history"]["samples"].as_array().unwrap();
        samples.iter().filter(|sample| sample[3].is_null()).count() >= 3
    });
    assert_eq!(state(&address)["ledger"]["since"].as_f64(), Some(since));

    redis.restart();
    assert_eq!(ready(&address, 200), "ready\n");
    let back = state_where(&address, "a sample after the return", |state| {
        let samples = state["history"]["samples"].as_array().unwrap();
        samples.last().unwrap()[2].is_number()
    });
    let known: Vec<bool> =
        back["history"]["samples"].as_array().unwrap().iter().map(|sample| sample[3].is_number()).collect();
    let edges = known.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert_eq!((known[0], edges, known[known.len() - 1]), (true, 2, true), "{known:?}");
    assert_eq!(get(&address, "/json").unwrap().status, 200);
    assert_eq!(program.log().matches("redis is away").count(), 1, "{}", program.log());
    assert_eq!(program.log().matches("redis is back").count(), 1, "{}", program.log());
}

#[test]
fn it_starts_without_redis_and_is_ready_when_redis_comes() {
    let mut redis = RedisServer::start();
    redis.kill();
    let (mut program, address) = webui(&redis);
    program.wait_for_log("redis is away");
    assert!(ready(&address, 503).contains("redis is away"));
    assert_eq!(state(&address)["totals"], Value::Null);
    redis.restart();
    ready(&address, 200);
    assert_eq!(program.log().matches("redis is away").count(), 1, "{}", program.log());
    program.signal("TERM");
    assert_eq!(program.wait(), Some(0), "{}", program.log());
}

#[test]
fn a_redis_that_hangs_is_away_too() {
    let redis = RedisServer::start();
    let (_webui, address) = webui(&redis);
    ready(&address, 200);
    redis.program().signal("STOP");
    ready(&address, 503);
    assert_eq!(get(&address, "/json").unwrap().status, 503);
    redis.program().signal("CONT");
    ready(&address, 200);
}

#[test]
fn a_key_that_is_no_count_is_told() {
    let redis = RedisServer::start();
    let (_webui, address) = webui(&redis);
    let mut keys = client(&redis);
    run(&mut keys, &["SET", "hashes", "many"]);
    ready(&address, 503);
    let answer = get(&address, "/json").unwrap();
    assert_eq!(answer.status, 503, "{answer:?}");
    run(&mut keys, &["SET", "hashes", "5"]);
    ready(&address, 200);
}

#[test]
fn an_announcement_that_cannot_be_read_hides_neither_the_totals_nor_other_workers() {
    let redis = RedisServer::start();
    let (_webui, address) = webui(&redis);
    let mut keys = client(&redis);
    run(&mut keys, &["SET", "hashes", "12"]);
    run(&mut keys, &["SET", "swarmlab:worker:odd", "{"]);
    run(&mut keys, &["SET", "swarmlab:worker:well", r#"{"id": "well", "hashes": 12}"#]);
    run(&mut keys, &["ZADD", "swarmlab:announced", "1", "odd", "1", "well"]);
    let state = state_where(&address, "the problem", |state| !state["workers_problem"].is_null());
    assert!(state["workers_problem"].as_str().unwrap().contains("swarmlab:worker:odd"), "{state}");
    assert_eq!((&state["ledger"]["ok"], &state["totals"]["hashes"]), (&Value::from(true), &Value::from(12)));
    assert_eq!((state["workers"].as_array().unwrap().len(), &state["workers"][0]["id"]), (1, &Value::from("well")));
}

#[test]
fn a_count_of_zero_is_shown_as_redis_has_it() {
    let redis = RedisServer::start();
    let (_webui, address) = webui(&redis);
    run(&mut client(&redis), &["SET", "hashes", "0"]);
    let json: Value = serde_json::from_str(&get(&address, "/json").unwrap().body).unwrap();
    assert_eq!(json["hashes"], Value::from("0"), "{json}");
}

#[test]
fn a_taken_port_and_a_bad_url_end_it_with_a_line_that_names_the_setting() {
    let redis = RedisServer::start();
    let (_webui, address) = webui(&redis);
    for (args, code, begin, said) in [
        (["--listen", address.as_str(), "--redis-url", "redis://127.0.0.1"], 1, "webui: ", "--listen, WEBUI_LISTEN"),
        (["--listen", "127.0.0.1:0", "--redis-url", "http://redis"], 2, "error: ", "'http://redis' for '--redis-url"),
    ] {
        let mut program = Program::start(env!("CARGO_BIN_EXE_webui"), &args);
        assert_eq!(program.wait(), Some(code), "{args:?}");
        program.wait_for_log(said);
        let log = program.log();
        let told = log.lines().next().unwrap_or_default();
        assert!(told.starts_with(begin) && told.contains(said), "{log}");
        // The option parser adds how to ask for help.
        assert_eq!(log.lines().filter(|line| !line.is_empty() && !line.contains("'--help'")).count(), 1, "{log}");
    }
}
