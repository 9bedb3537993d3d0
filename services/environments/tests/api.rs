//! The API before a Swarm in memory: what users may, and what holds when many ask at once, or the API dies.

mod common;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::{ADA, BEGIN, BOB, Fake, ask, json, post, send, send_without_end, start};
use environments::{Scheduler as _, is_name, reap};
use proptest::prelude::*;
use serde_json::Value;

fn id(environment: &Value) -> String {
    environment["id"].as_str().unwrap_or_else(|| panic!("{environment} has an id")).to_owned()
}

#[tokio::test]
async fn an_environment_is_started_shown_and_ended() {
    let swarm = Fake::new();
    let (app, _) = start(&swarm, 3);
    let request = Request::post("/environments")
        .header("authorization", format!("bearer {ADA}"))
        .header("idempotency-key", "one")
        .header("content-type", "application/json")
        .body(Body::from(r#"{"image": "hasher", "lifetime": "90s"}"#))
        .unwrap();
    let response = send(&app, request).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let made = json(response).await;
    let name = id(&made);
    assert_eq!(location, format!("/environments/{name}"));
    assert_eq!(made["image"], "hasher");
    assert_eq!(made["address"], format!("http://{name}.localhost:8000/"));
    assert_eq!((&made["created"], &made["expires"]), (&"1970-01-12T13:46:40Z".into(), &"1970-01-12T13:48:10Z".into()));

    assert_eq!(ask(&app, "GET", &location, ADA).await, (StatusCode::OK, made.clone()));
    let (status, all) = ask(&app, "GET", "/environments", ADA).await;
    assert_eq!((status, &all["environments"], &all["limit"]), (StatusCode::OK, &Value::from(vec![made]), &3.into()));
    assert_eq!(ask(&app, "DELETE", &location, ADA).await.0, StatusCode::NO_CONTENT);
    assert_eq!(ask(&app, "DELETE", &location, ADA).await.0, StatusCode::NOT_FOUND);
    assert!(swarm.names().is_empty());
}

#[tokio::test]
async fn a_stranger_sees_nothing_and_ends_nothing() {
    let swarm = Fake::new();
    let (app, _) = start(&swarm, 3);
    let (_, made) = post(&app, ADA, "one", "{}").await;
    let path = format!("/environments/{}", id(&made));
    let nothing = format!("/environments/env-{:032x}", 0);
    for method in ["GET", "DELETE"] {
        // Not even that there is one can be told from the answer.
        let theirs = ask(&app, method, &path, BOB).await;
        assert_eq!(theirs.0, StatusCode::NOT_FOUND);
        assert_eq!(theirs, ask(&app, method, &nothing, BOB).await);
    }
    assert_eq!(ask(&app, "GET", "/environments", BOB).await.1["environments"], Value::Array(vec![]));
    // The same key of another user is another environment.
    let (status, other) = post(&app, BOB, "one", "{}").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_ne!(id(&other), id(&made));
    assert_eq!(swarm.names().len(), 2);
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_its_status() {
    let swarm = Fake::new();
    let (app, _) = start(&swarm, 1);
    let large = format!(r#"{{"image": "{}"}}"#, "x".repeat(5000));
    let good = format!("Bearer {ADA}");
    let json_type = "application/json";
    for (status, authorization, key, kind, body) in [
        (401, "", "k", json_type, "{}"),
        (401, "Bearer", "k", json_type, "{}"),
        (401, "Bearer wrong", "k", json_type, "{}"),
        (401, &good.replace("Bearer", "Basic"), "k", json_type, "{}"),
        (400, &good, "", json_type, "{}"),
        (400, &good, &"k".repeat(129), json_type, "{}"),
        (400, &good, "k", json_type, "{"),
        (415, &good, "k", "text/plain", "{}"),
        (413, &good, "k", json_type, &large),
        (422, &good, "k", json_type, r#"{"image": "redis"}"#),
        (422, &good, "k", json_type, r#"{"image": "registry/rng:1"}"#),
        (422, &good, "k", json_type, r#"{"image": 1}"#),
        (422, &good, "k", json_type, r#"{"mounts": ["/"]}"#),
        (422, &good, "k", json_type, r#"{"lifetime": "1s"}"#),
        (422, &good, "k", json_type, r#"{"lifetime": "61m"}"#),
        (422, &good, "k", json_type, r#"{"lifetime": "-1"}"#),
    ] {
        let request = Request::post("/environments")
            .header("authorization", authorization)
            .header("idempotency-key", key)
            .header("content-type", kind);
        let response = send(&app, request.body(Body::from(body.to_owned())).unwrap()).await;
        assert_eq!(response.status().as_u16(), status, "{authorization} {key} {kind} {body}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers().contains_key("www-authenticate"), status == 401);
        let problem = json(response).await;
        assert_eq!(problem["status"], status);
        assert!(!problem["detail"].as_str().unwrap().is_empty());
    }
    for (status, method, path) in [
        (404, "GET", "/none"),
        (405, "PUT", "/environments"),
        (404, "GET", "/environments/.."),
        (404, "GET", "/environments/%ff"),
        (404, "DELETE", "/environments/%ff"),
    ] {
        let (got, problem) = ask(&app, method, path, ADA).await;
        assert_eq!((got.as_u16(), &problem["status"]), (status, &status.into()), "{method} {path}");
    }
    assert!(swarm.names().is_empty());

    assert_eq!(post(&app, ADA, "one", "{}").await.0.as_u16(), 202);
    assert_eq!(post(&app, ADA, "two", "{}").await.0.as_u16(), 429);
    assert_eq!(post(&app, ADA, "one", r#"{"lifetime": "5m"}"#).await.0.as_u16(), 422);
    swarm.down.store(true, Ordering::SeqCst);
    for (method, path) in [("GET", "/environments"), ("DELETE", &format!("/environments/{}", swarm.names()[0]))] {
        assert_eq!(ask(&app, method, path, ADA).await.0.as_u16(), 503);
    }
    assert_eq!(post(&app, ADA, "one", "{}").await.0.as_u16(), 503);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_is_given_up() {
    let (app, _) = start(&Fake::new(), 1);
    let request = Request::post("/environments")
        .header("authorization", format!("Bearer {ADA}"))
        .header("idempotency-key", "one")
        .header("content-type", "application/json");
    let response = send_without_end(&app, request).await;
    assert_eq!(
        (response.status(), &response.headers()["connection"]),
        (StatusCode::REQUEST_TIMEOUT, &"close".parse().unwrap())
    );
    assert_eq!(json(response).await["detail"], kit::body::LATE);
}

#[test]
fn a_lifetime_that_no_user_may_have_is_refused_at_start() {
    for setting in ["--longest=30m", "--lifetime=481m", "--lifetime=4s"] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_environments"));
        let output = program.args(["api", "--image=rng=registry/rng:1", setting]).env_clear().output().unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        assert!(complaint.contains("--lifetime") && complaint.contains("--longest"), "{complaint}");
    }
}

#[tokio::test]
async fn ten_clients_with_one_key_and_two_replicas_get_one_environment() {
    let swarm = Fake::new();
    let (first, second) = (start(&swarm, 3).0, start(&swarm, 3).0);
    let clients = (0..10).map(|n| {
        let app = if n % 2 == 0 { first.clone() } else { second.clone() };
        tokio::spawn(async move { post(&app, ADA, "one", "{}").await })
    });
    let mut ids = BTreeSet::new();
    for client in clients.collect::<Vec<_>>() {
        let (status, made) = client.await.unwrap();
        assert_eq!(status, StatusCode::ACCEPTED);
        ids.insert(id(&made));
    }
    assert_eq!((ids.len(), swarm.names().len()), (1, 1));
}

#[tokio::test]
async fn the_limit_holds_when_many_ask_at_once() {
    let swarm = Fake::new();
    let (first, second) = (start(&swarm, 3).0, start(&swarm, 3).0);
    let clients = (0..20).map(|n| {
        let app = if n % 2 == 0 { first.clone() } else { second.clone() };
        tokio::spawn(async move { post(&app, ADA, &format!("key {n}"), "{}").await })
    });
    let mut made = BTreeSet::new();
    for client in clients.collect::<Vec<_>>() {
        match client.await.unwrap() {
            (StatusCode::ACCEPTED, environment) => _ = made.insert(id(&environment)),
            (status, _) => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
        }
    }
    // What was promised is there, and nothing else.
    assert_eq!(made.len(), 3);
    assert_eq!(made, swarm.names().into_iter().collect());
    // One user's limit is not another's.
    assert_eq!(post(&first, BOB, "one", "{}").await.0, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn an_api_that_is_started_anew_has_forgotten_nothing() {
    let swarm = Fake::new();
    let (app, _) = start(&swarm, 2);
    let (_, first) = post(&app, ADA, "one", "{}").await;
    // It dies when the Swarm has made the second, and before it has told its client.
    swarm.mute.store(true, Ordering::SeqCst);
    assert_eq!(post(&app, ADA, "two", "{}").await.0, StatusCode::SERVICE_UNAVAILABLE);
    swarm.mute.store(false, Ordering::SeqCst);
    drop(app);

    let (app, service) = start(&swarm, 2);
    assert_eq!(post(&app, ADA, "one", "{}").await, (StatusCode::ACCEPTED, first));
    assert_eq!(post(&app, ADA, "two", "{}").await.0, StatusCode::ACCEPTED);
    assert_eq!(post(&app, ADA, "three", "{}").await.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(reap(&service).await.unwrap(), 0);
    assert_eq!(swarm.names().len(), 2);
}

#[tokio::test]
async fn what_has_expired_is_gone_at_once_and_ended_soon() {
    let swarm = Fake::new();
    let (app, service) = start(&swarm, 1);
    let (_, made) = post(&app, ADA, "one", r#"{"lifetime": "90s"}"#).await;
    let path = format!("/environments/{}", id(&made));
    swarm.clock.store(BEGIN + 89, Ordering::SeqCst);
    assert_eq!(reap(&service).await.unwrap(), 0);
    assert_eq!(ask(&app, "GET", &path, ADA).await.0, StatusCode::OK);
    swarm.clock.store(BEGIN + 90, Ordering::SeqCst);
    assert_eq!(ask(&app, "GET", &path, ADA).await.0, StatusCode::NOT_FOUND);
    // Its name is still taken.
    assert_eq!(post(&app, ADA, "one", r#"{"lifetime": "90s"}"#).await.0, StatusCode::CONFLICT);
    assert_eq!(reap(&service).await.unwrap(), 1);
    assert!(swarm.names().is_empty());
    assert_eq!(post(&app, ADA, "one", r#"{"lifetime": "90s"}"#).await.0, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn what_cannot_be_ended_keeps_nothing_else() {
    let swarm = Fake::new();
    let (app, service) = start(&swarm, 3);
    for key in ["one", "two", "three"] {
        assert_eq!(post(&app, ADA, key, r#"{"lifetime": "90s"}"#).await.0, StatusCode::ACCEPTED);
    }
    let first = swarm.names()[0].clone();
    *swarm.stuck.lock().unwrap() = Some(first.clone());
    swarm.clock.store(BEGIN + 90, Ordering::SeqCst);
    assert!(reap(&service).await.unwrap_err().to_string().contains("it stays"));
    assert_eq!(swarm.names(), [first]);
    *swarm.stuck.lock().unwrap() = None;
    assert_eq!(reap(&service).await.unwrap(), 1);
}

/// Between a look of one reaper and its removals another ends the same, and the user makes it anew, under the same name.
#[tokio::test]
async fn what_was_made_anew_under_the_name_of_an_expired_one_is_not_ended() {
    let swarm = Fake::new();
    let (app, first) = start(&swarm, 1);
    let (_, second) = start(&swarm, 1);
    assert_eq!(post(&app, ADA, "one", r#"{"lifetime": "90s"}"#).await.0, StatusCode::ACCEPTED);
    swarm.clock.store(BEGIN + 90, Ordering::SeqCst);
    let seen = swarm.list().await.unwrap();
    assert_eq!(reap(&second).await.unwrap(), 1);
    let (_, anew) = post(&app, ADA, "one", r#"{"lifetime": "90s"}"#).await;
    assert_eq!(id(&anew), seen[0].id, "the same key has the same name");
    assert!(!swarm.remove(&seen[0]).await.unwrap(), "what was seen is gone already");
    assert_eq!(reap(&first).await.unwrap(), 0);
    assert_eq!(swarm.names(), [id(&anew)]);
}

#[tokio::test]
async fn what_a_dead_replica_made_beyond_the_limit_is_taken_back_and_a_lower_limit_ends_nothing_old() {
    let swarm = Fake::new();
    let (app, _) = start(&swarm, 3);
    for key in ["one", "two", "three"] {
        assert_eq!(post(&app, ADA, key, "{}").await.0, StatusCode::ACCEPTED);
    }
    let names = swarm.names();
    let (_, stricter) = start(&swarm, 2);
    swarm.clock.store(BEGIN + 61, Ordering::SeqCst);
    assert_eq!(reap(&stricter).await.unwrap(), 0);
    swarm.clock.store(BEGIN + 30, Ordering::SeqCst);
    assert_eq!(reap(&stricter).await.unwrap(), 1);
    assert_eq!(swarm.names(), names[..2]);
}

/// What has expired by the clock of the replica that was asked is alive for the other one, whose clock is 9 s behind.
#[tokio::test]
async fn a_reaper_whose_clock_is_behind_does_not_end_what_another_replica_has_promised() {
    let swarm = Fake::new();
    let (app, reaper_behind) = start(&swarm, 1);
    assert_eq!(post(&app, ADA, "one", r#"{"lifetime": "90s"}"#).await.0, StatusCode::ACCEPTED);
    swarm.clock.store(BEGIN + 90, Ordering::SeqCst);
    let (status, promised) = post(&app, ADA, "two", "{}").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    swarm.clock.store(BEGIN + 81, Ordering::SeqCst);
    assert_eq!(reap(&reaper_behind).await.unwrap(), 0);
    assert!(swarm.names().contains(&id(&promised)));
    // Where clocks agree, the first is ended, and the second stays.
    swarm.clock.store(BEGIN + 90, Ordering::SeqCst);
    assert_eq!(reap(&reaper_behind).await.unwrap(), 1);
    assert_eq!(swarm.names(), [id(&promised)]);
}

#[tokio::test]
async fn the_description_has_every_route_and_every_field() {
    let swarm = Fake::new();
    let (app, _) = start(&swarm, 1);
    let (status, api) = ask(&app, "GET", "/openapi.json", "").await;
    assert_eq!(status, StatusCode::OK);
    let (_, made) = post(&app, ADA, "one", "{}").await;
    let described: BTreeSet<&String> =
        api["components"]["schemas"]["Environment"]["properties"].as_object().unwrap().keys().collect();
    assert_eq!(described, made.as_object().unwrap().keys().collect());
    for (path, methods) in api["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "env-0");
        for method in methods.as_object().unwrap().keys().filter(|method| *method != "parameters") {
            // A route that is there wants to know who asks.
            let (status, _) = ask(&app, &method.to_uppercase(), &path, "").await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn hostile_names_and_bodies_make_nothing_but_environments(
        key in "\\PC{0,140}", path in "[a-z0-9./%_-]{0,50}", body in "\\PC{0,80}", image in "\\PC{0,20}", lifetime in "\\PC{0,8}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let swarm = Fake::new();
            let (app, _) = start(&swarm, 3);
            let asked = serde_json::json!({"image": image, "lifetime": lifetime}).to_string();
            for body in [body.as_str(), &asked, "{}"] {
                let Ok(request) = Request::post("/environments")
                    .header("authorization", format!("Bearer {ADA}"))
                    .header("idempotency-key", key.as_bytes())
                    .header("content-type", "application/json")
                    .body(Body::from(body.to_owned())) else { continue };
                let status = send(&app, request).await.status().as_u16();
                assert!([202, 400, 422].contains(&status), "{status}");
            }
            assert!(swarm.names().iter().all(|name| is_name(name)));
            let before = swarm.names();
            if let Ok(request) = Request::delete(format!("/environments/{path}"))
                .header("authorization", format!("Bearer {ADA}")).body(Body::empty()) {
                assert!(send(&app, request).await.status().is_client_error());
            }
            assert_eq!(swarm.names(), before);
        });
    }
}
