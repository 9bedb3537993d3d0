//! `loadgen sweep --command` as a person runs it, against servers whose capacity is arithmetic.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testbed::{Program, binary, wait_for};

const LOADGEN: &str = env!("CARGO_BIN_EXE_loadgen");

/// A server of known capacity, with these options.
fn known(options: &str) -> String {
    format!("exec {} serve --port {{port}} {options}", binary("known").display())
}

fn sweep(out: &Path, command: &str, options: &[&str]) -> Output {
    let mut sweep = Command::new(LOADGEN);
    sweep.args(["sweep", "--name", "web", "--command", command, "--out"]).arg(out).args(options);
    sweep.stdin(Stdio::null()).env("NO_COLOR", "1").env(MARK, out).output().expect("loadgen starts")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn found(out: &Path) -> Value {
    let text = std::fs::read_to_string(out.join("sweep.json")).expect("sweep.json");
    serde_json::from_str(&text).expect("JSON")
}

/// The variable by which the copies of a test are known: they inherit it.
const MARK: &str = "SWEEP_OF_TEST";

/// That no copy is left.
fn nothing_left(out: &Path) {
    let left = left(out);
    assert!(left.is_empty(), "{left:?} are left");
}

fn left(out: &Path) -> Vec<PathBuf> {
    let mark = format!("{MARK}={}", out.display());
    let processes = std::fs::read_dir("/proc").expect("processes").flatten().map(|entry| entry.path());
    processes
        .filter(|process| {
            let environment = std::fs::read(process.join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
        })
        .collect()
}

/// Whether other programs left too little of the processors for a server to keep its times. What it does then is no arithmetic.
fn crowded(sweep: &Value) -> bool {
    let steps = sweep["steps"].as_array().expect("steps");
    let busy = steps.iter().flat_map(|step| step["node_busy"].as_object().expect("it is told").values());
    busy.filter_map(Value::as_f64).any(|share| share > 0.9)
}

/// k slots of a time S do k/S: 2 in 50 ms are 40/s a copy.
#[test]
fn fixed_times_give_their_arithmetic() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("out");
    let options = ["--replicas", "1..3", "--load", "closed:24", "--measure", "2s", "--need", "75/s", "--need", "500/s"];
    let output = sweep(&out, &known("--time 50ms --slots 2"), &options);
    assert!(output.status.success(), "{}", said(&output));
    let sweep = found(&out);
    assert_eq!((&sweep["schema"], &sweep["settings"]["unit"]), (&2.into(), &"requests/s".into()));
    for (step, copies) in sweep["steps"].as_array().expect("steps").iter().zip([1.0, 2.0, 3.0]) {
        let rate = step["throughput"]["value"].as_f64().expect("a rate");
        let least = if crowded(&sweep) { 0.2 } else { 0.9 };
        assert!((least * 40.0 * copies..1.03 * 40.0 * copies).contains(&rate), "{rate} of {copies} copies");
        let shares: Vec<f64> = step["shares"].as_object().expect("shares").values().filter_map(Value::as_f64).collect();
        assert!(shares.len() == copies as usize && (shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
        let used = step["placement"][0]["memory_bytes"].as_u64().expect("memory");
        assert!(used > 100_000, "{used} bytes");
    }
    let text = said(&output);
    assert!(text.contains("For 75.0 requests/s you need 2 replicas of web") || crowded(&sweep), "{text}");
    assert!(text.contains("500 requests/s need is not answered") && text.contains("measure further"), "{text}");
    let report = std::fs::read_to_string(out.join("report.html")).expect("a report");
    assert!(report.contains("500\u{a0}requests/s need is not answered"), "the report answers too");
    nothing_left(&out);
}

/// A fifth of the work under a lock that all copies share. It takes half a minute, as five sizes have to be measured to
/// choose a law by, and the work has to be long beside the time for which a busy machine lets it wait.
#[test]
fn a_serial_share_is_found() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("out");
    let lock = format!("lock=exec {} lock --port {{port}}", binary("known").display());
    let command = known("--time 200ms --serial 0.2 --lock {lock.port}");
    let options = ["--with", &lock, "--replicas", "1,2,3,5,8", "--load", "closed:24", "--measure", "4s"];
    let output = sweep(&out, &command, &options);
    assert!(output.status.success(), "{}", said(&output));
    let sweep = found(&out);
    if crowded(&sweep) {
        return;
    }
    let fits = sweep["fits"].as_array().expect("fits");
    let chosen = fits.iter().find(|fit| fit["chosen"] == true).expect("a law is chosen");
    assert!(chosen["law"] == "amdahl" || chosen["law"] == "usl", "{chosen}");
    let sigma = &chosen["parameters"]["sigma"];
    let end = |name: &str| sigma[name].as_f64().expect("a number");
    // The interval is as narrow as the measurements are good; a busy machine lengthens both parts of the work.
    assert!(end("low") - 0.05 < 0.2 && 0.2 < end("high") + 0.05, "{sigma}");
}

/// Copies that all ask one server, which works on one thread: how busy that is stands beside them. What the verdict makes
/// of it is tested where no other test takes its processor away.
#[test]
fn a_service_beside_the_copies_is_watched() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("out");
    let db = format!("db=exec {} serve --port {{port}} --time 10ms --burn", binary("known").display());
    let command = known("--time 0ms --slots 4 --ask {db.port}");
    let output = sweep(&out, &command, &["--with", &db, "--replicas", "1,3", "--load", "closed:12", "--measure", "2s"]);
    assert!(output.status.success(), "{}", said(&output));
    let sweep = found(&out);
    let busy = |service: &str| sweep["steps"][1]["utilisation"][service].as_f64().expect("it is watched");
    assert!(busy("db") > busy("web"), "{}", said(&output));
    assert!(said(&output).lines().any(|line| line.ends_with(" db")), "it has a column: {}", said(&output));
}

/// Copies that find their work themselves do 50 jobs a second each, half of them well: their counter says so, and nothing is sent.
#[test]
fn a_counter_of_the_copies_own_is_followed() {
    let folder = TempDir::new().expect("a folder");
    let command = format!("exec {} work --port {{port}} --rate 50", binary("known").display());
    for (counter, each) in [("jobs_done_total", 50.0), ("jobs_done_total{state=\"ok\"}", 25.0)] {
        let out = folder.path().join(format!("out-{each}"));
        let options = ["--meter", counter, "--url", "http://localhost/metrics", "--replicas", "1,3", "--measure", "2s"];
        let output = sweep(&out, &command, &options);
        assert!(output.status.success(), "{}", said(&output));
        let sweep = found(&out);
        assert_eq!(sweep["settings"]["unit"], "jobs_done/s");
        for (step, copies) in sweep["steps"].as_array().expect("steps").iter().zip([1.0, 3.0]) {
            let rate = step["throughput"]["value"].as_f64().expect("a rate");
            assert!((rate / (each * copies) - 1.0).abs() < 0.05, "{rate} of {copies} copies");
        }
        assert!(!said(&output).contains("errors"), "nothing was sent: {}", said(&output));
        nothing_left(&out);
    }
}

/// Eight connections to copies that keep each request for 50 ms, as many as come, without work: 160/s, whatever the copies. The
/// model finds that by itself, with the 50 ms as time spent elsewhere.
#[test]
fn a_sweep_that_was_measured_predicts_what_was_not() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("out");
    let options = ["--replicas", "1,2", "--load", "closed:8", "--measure", "2s"];
    let output = sweep(&out, &known("--time 50ms --slots 64"), &options);
    assert!(output.status.success(), "{}", said(&output));
    if crowded(&found(&out)) {
        return;
    }
    let predict = |options: &[&str]| {
        let mut predict = Command::new(LOADGEN);
        predict.arg("predict").arg(&out).args(options).output().expect("loadgen starts")
    };
    let output = predict(&["--replicas", "1,2,6", "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for row in answer["predictions"].as_array().expect("predictions") {
        let rate = row["throughput"].as_f64().expect("a rate");
        assert!((rate / 160.0 - 1.0).abs() < 0.1 && row["limits"] == serde_json::json!(["the connections"]), "{row}");
    }
    assert!(said(&predict(&[])).contains("limited by the connections"), "{}", said(&predict(&[])));
}

/// The page's own command for trying, as it stands there, but for a shorter time.
#[test]
fn the_page_on_measuring_a_service_works_as_it_stands() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/measure-your-service.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let mut blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let command = blocks.find(|block| block.contains("'rng ")).expect("a command to try").trim();
    let folder = TempDir::new().expect("a folder");
    let rng = binary("rng");
    let programs = [rng.parent().expect("a folder"), Path::new(LOADGEN).parent().expect("a folder")];
    let path = std::env::join_paths(
        programs
            .into_iter()
            .map(Path::to_owned)
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let output = Command::new("sh")
        .args(["-c", &format!("{command} --measure 500ms --settle 1s --out out")])
        .env("PATH", path.expect("a path"))
        .env("NO_COLOR", "1")
        .env(MARK, folder.path())
        .current_dir(&folder)
        .output()
        .expect("a shell");
    let text = said(&output);
    assert!(output.status.success() && text.contains("500 requests/s"), "{text}");
    assert_eq!(found(&folder.path().join("out"))["steps"].as_array().map(Vec::len), Some(4));
    assert!(folder.path().join("out/logs/rng.4.log").exists(), "the logs are where the page says");
    nothing_left(folder.path());
}

#[test]
fn a_copy_that_dies_is_told_with_its_last_lines() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("out");
    let output = sweep(&out, &known("--time 10ms --die-after 30"), &["--replicas", "1", "--load", "50/s"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("web.1 ended with exit code 1") && text.contains("known: enough of it"), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    nothing_left(&out);
}

#[test]
fn an_interrupt_ends_the_copies_and_keeps_what_was_measured() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("out");
    let command = known("--time 10ms");
    let mut run = Command::new(LOADGEN);
    run.args(["sweep", "--name", "web", "--command", &command, "--replicas", "1..50", "--measure", "500ms", "--out"]);
    let mut program = Program::spawn(run.arg(&out).env(MARK, &out));
    program.wait_for_log("1 replica of web");
    program.signal("INT");
    assert_eq!(program.wait(), Some(130));
    assert!(found(&out)["interrupted"] == true && !found(&out)["steps"].as_array().expect("steps").is_empty());
    nothing_left(&out);
}

#[test]
fn an_interrupt_before_the_first_step_leaves_an_older_result_as_it_was() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("out");
    std::fs::create_dir(&out).expect("made");
    for name in ["sweep.json", "sweep.csv", "report.html"] {
        std::fs::write(out.join(name), "older").expect("written");
    }
    // It never listens, so that no step is finished.
    let command = "echo here; exec sleep 600 # {port}";
    let mut run = Command::new(LOADGEN);
    run.args(["sweep", "--name", "web", "--command", command, "--converge", "10m", "--force", "--out"]);
    let mut program = Program::spawn(run.arg(&out).env(MARK, &out));
    wait_for("the first copy", Duration::from_secs(60), || {
        std::fs::read_to_string(out.join("logs/web.1.log")).map_err(|error| error.to_string())
    });
    program.signal("INT");
    assert_eq!(program.wait(), Some(130), "{}", program.log());
    assert!(program.log().contains("Ended before the first step was finished"), "{}", program.log());
    for name in ["sweep.json", "sweep.csv", "report.html"] {
        assert_eq!(std::fs::read_to_string(out.join(name)).expect(name), "older");
    }
    nothing_left(&out);
}

#[test]
fn copies_do_not_outlive_a_sweep_that_is_killed() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("out");
    // The shell stays, and the server is its child.
    let command = format!("{} serve --port {{port}}; true", binary("known").display());
    let mut run = Command::new(LOADGEN);
    run.args(["sweep", "--name", "web", "--command", &command, "--replicas", "2,3", "--measure", "1s", "--out"]);
    let mut program = Program::spawn(run.arg(&out).env(MARK, &out));
    program.wait_for_log("2 replicas of web");
    assert!(left(&out).len() >= 5, "two shells, two servers and the sweep: {:?}", left(&out));
    program.signal("KILL");
    program.wait();
    wait_for("the copies' end", Duration::from_secs(30), || match &left(&out)[..] {
        [] => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

#[test]
fn what_cannot_work_is_refused_before_anything_starts() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("out");
    for (command, options, says) in [
        ("./server", &["--load", "closed:4"][..], "write {port} where its port belongs"),
        ("./server {port}", &["--load", "closed"], "write it as `closed:64`, `500/s` or `capacity:p99<50ms`"),
        ("./server {port}", &["--need", "many"], "write it as 5000/s"),
        ("./server {port}", &["--with", "db"], "write it as db="),
        ("./server {port}", &["--meter", "done_total", "--url", "https://localhost/"], "https in --url would have no"),
        (
            "./server {port}",
            &["--meter", "done_total", "-H", "Authorization: Bearer x"],
            "--header would have no effect",
        ),
        ("./server {port}", &["--meter", "done_total", "--insecure"], "--insecure would have no effect"),
        ("./server {port}", &["--workers", "3"], "cannot be used with"),
        ("./server {port} --db {db.port}", &[], "asks for {db.port}: add --with db="),
        ("./server {port}", &["--with", "db=./db {port}", "--with", "db=./other {port}"], "two commands called db"),
        ("./server {port}", &["--with", "a=./a {b.port}", "--with", "b=./b {port}"], "asks for {b.port}"),
    ] {
        let output = sweep(&out, command, options);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(says), "{}", said(&output));
        assert!(!out.exists(), "nothing was begun");
    }
    let few = sweep(&out, &known(""), &["--replicas", "1..3", "--load", "closed:2"]);
    assert_eq!(few.status.code(), Some(2), "{}", said(&few));
    assert!(said(&few).contains("fewer connections than the 3 replicas"), "{}", said(&few));
    assert!(!out.exists(), "nothing was begun");
}
