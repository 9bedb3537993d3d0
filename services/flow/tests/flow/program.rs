//! The program as its users run it: dead jobs, signals, and where the password is not.

use std::fs;
use std::process::Command;

use mysql_async::prelude::Queryable as _;

use crate::world::World;
use testbed::{Program, wait_for};

const SMALL: [&str; 3] = ["--across=4", "--down=3", "--tile=8"];

#[tokio::test]
async fn a_poisoned_job_is_dead_after_three_tries_and_can_be_revived() {
    let world = World::new();
    world.submit(&[&SMALL[..], &["--poison=1"]].concat()).await;
    let worker = || world.worker(&["--lease=300ms", "--think=0", "--node=here"]);
    // Swarm starts a worker again that has died; here we do. The poison kills three, and the fourth finds the queue empty.
    let ends: Vec<Option<i32>> = std::iter::repeat_with(|| worker().wait()).take(4).collect();
    assert_eq!(ends, [None, None, None, Some(0)]);
    let status = world.status().await;
    // Its row and the picture wait for it, for ever; all others are done.
    assert_eq!((status.jobs.dead, status.jobs.waiting, status.jobs.done), (1, 2, 13), "{status}");
    assert_eq!((status.attempts.lost, status.attempts.retries), (3, 2), "{status}");
    let mut another = worker();
    assert_eq!(another.wait(), Some(0));
    assert!(another.log().contains("jobs are dead and others wait for them"), "{}", another.log());
    assert_eq!(world.run("status", &[]).status.code(), Some(1));
    let letters = String::from_utf8(world.run("dead", &[]).stdout).unwrap();
    let tile = "job 7, tile 2, 1: 3 tries: lost on here, lost on here, lost on here";
    assert_eq!(letters, format!("run 1: 1 dead jobs\n{tile}\n"));

    // Revived while it is still poisoned, it has three tries again and no more, however often.
    for lost in [6, 9] {
        world.run("revive", &[]);
        world.connection().await.query_drop("UPDATE jobs SET poisoned = TRUE WHERE id = 7").await.unwrap();
        let ends: Vec<Option<i32>> = std::iter::repeat_with(|| worker().wait()).take(4).collect();
        assert_eq!(ends, [None, None, None, Some(0)]);
        assert_eq!(world.status().await.attempts.lost, lost);
    }

    let revived = world.run("revive", &[]);
    assert_eq!(String::from_utf8_lossy(&revived.stdout), "1 dead jobs are ready again\n");
    assert_eq!(String::from_utf8(world.run("dead", &[]).stdout).unwrap(), "run 1: 0 dead jobs\n");
    assert_eq!(worker().wait(), Some(0));
    let output = world.run("status", &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["jobs"]["done"], &json["effects"]["twice"]), (&16.into(), &0.into()), "{json}");
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_finishes_its_job() {
    let world = World::new();
    world.submit(&SMALL).await;
    let mut worker = world.worker(&["--think=1s"]);
    wait_for_running(&world).await;
    worker.signal("TERM");
    assert_eq!(worker.wait(), Some(0), "{}", worker.log());
    let status = world.status().await;
    assert_eq!((status.jobs.running, status.jobs.done, status.attempts.lost), (0, 1, 0), "{status}");
    // One that takes too long gives its job back, so nobody has to wait for the lease.
    let mut worker = world.worker(&["--think=100s", "--drain=10ms"]);
    wait_for_running(&world).await;
    worker.signal("TERM");
    assert_eq!(worker.wait(), Some(0), "{}", worker.log());
    let status = world.status().await;
    assert_eq!((status.jobs.running, status.jobs.done, status.attempts.failed), (0, 1, 1), "{status}");
}

#[tokio::test]
async fn the_password_is_in_its_file_alone() {
    let world = World::new();
    world.submit(&SMALL).await;
    let password = world.password();
    let worker = world.start("work", &["--log-level=trace", "--think=1s"]);
    wait_for_running(&world).await;
    for part in ["cmdline", "environ"] {
        let seen = fs::read(format!("/proc/{}/{part}", worker.id())).unwrap();
        assert!(!String::from_utf8_lossy(&seen).contains(&password), "the password is in {part}");
    }
    assert!(!worker.log().contains(&password), "the password is in the log");
    // A wrong one is told without being told.
    let wrong = tempfile::NamedTempFile::new().unwrap();
    fs::write(wrong.path(), "wrong-word\n").unwrap();
    let port = world.server.port().to_string();
    let mut options = vec!["status", "--wait=0", "--database-host=127.0.0.1", "--database-port", &port];
    let file = wrong.path().display().to_string();
    options.extend(["--database-password-file", &file]);
    let output = Command::new(env!("CARGO_BIN_EXE_flow")).args(&options).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("Access denied") && !complaint.contains("wrong-word"), "{complaint}");
}

#[test]
fn a_missing_or_empty_password_file_is_named() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    for file in ["/no/such/file", empty.path().to_str().unwrap()] {
        for role in ["work", "page", "submit", "status", "dead", "revive"] {
            let mut program = Program::start(env!("CARGO_BIN_EXE_flow"), &[role, "--database-password-file", file]);
            assert_eq!(program.wait(), Some(2));
            let complaint = program.log();
            assert!(complaint.contains(file) && complaint.contains("FLOW_DATABASE_PASSWORD_FILE"), "{complaint}");
            assert_eq!(complaint.lines().count(), 1, "{complaint}");
        }
    }
}

#[test]
fn each_setting_of_each_role_has_a_twin_in_the_environment() {
    for role in ["work", "page", "submit", "status", "dead", "revive"] {
        let help = Command::new(env!("CARGO_BIN_EXE_flow")).args([role, "--help"]).output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        for setting in help.split("\n      --").skip(1) {
            assert!(setting.contains("[env: "), "{role} --{setting}");
        }
    }
}

async fn wait_for_running(world: &World) {
    while world.status().await.jobs.running == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[test]
fn a_page_that_is_not_there_is_not_healthy() {
    let output = wait_for("an answer", std::time::Duration::from_secs(30), || {
        Command::new(env!("CARGO_BIN_EXE_flow"))
            .args(["healthcheck", "--listen=127.0.0.1:1"])
            .output()
            .map_err(|e| e.to_string())
    });
    assert_eq!(output.status.code(), Some(1));
}
