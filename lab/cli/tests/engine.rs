//! What is said of an engine and its cluster, with a stand-in for the engine.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Output};

/// An engine that runs one node of a cluster `mine`, in no swarm or the manager of one whose service `rng` has no image; its address.
fn engine(manager: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("tcp://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let body = if path.contains("/containers/json") {
                r#"[{"Id":"1","State":"running","Labels":{"org.swarmlab.cluster":"mine","org.swarmlab.node":"head"}}]"#
            } else if path.contains("/info") && manager {
                r#"{"Name":"head","Swarm":{"LocalNodeState":"active","ControlAvailable":true,"NodeID":"n"}}"#
            } else if path.contains("/info") {
                r#"{"Name":"head","Swarm":{"LocalNodeState":"inactive"}}"#
            } else if path.contains("/services/") {
                r#"{"ID":"s","Spec":{"Name":"rng","Mode":{"Replicated":{"Replicas":1}}}}"#
            } else if path.contains("/tasks") {
                r#"[{"ID":"t","ServiceID":"s","Slot":1,"NodeID":"n","DesiredState":"shutdown",
                    "Status":{"State":"rejected","Err":"No such image: rgn:v0.1","Timestamp":"2026-01-01T00:00:00Z"}}]"#
            } else if path.contains("/nodes") {
                r#"[{"ID":"n","Description":{"Hostname":"head"},"Status":{"State":"ready"}}]"#
            } else {
                r#"{"Version":"26.1.5","ApiVersion":"1.45","MinAPIVersion":"1.24"}"#
            };
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    host
}

fn lab(words: &str, host: &str) -> Output {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(words.split(' ')).env("DOCKER_HOST", host).env_remove("LAB_CLUSTER").env_remove("SWARMLAB_PRIVATE");
    lab.env_remove("LAB_PATIENCE");
    lab.output().unwrap()
}

#[test]
fn the_engine_of_a_cluster_that_is_there_needs_a_swarm_and_no_other_cluster() {
    let output = lab("tasks", &engine(false));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "lab: the engine head is in no swarm\n  make one there with `docker swarm init`\n");
}

#[test]
fn a_cluster_that_is_there_already_is_not_blamed_for_its_own_ports() {
    // An address of its own on loopback, so that the usual ports are free for whoever has them.
    let _its_own = TcpListener::bind("127.0.0.77:8000").unwrap();
    let output = lab("cluster up --name mine --bind 127.0.0.77", &engine(false));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("lab: cluster mine is there already") && !said.contains("taken"), "{said}");
}

#[test]
fn a_wait_that_ends_has_the_tasks_own_error_and_the_command_that_shows_all_of_it() {
    let output = lab("wait service rng --within 1", &engine(true));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(
        said,
        "lab: not all tasks of rng run: 0 of 1 tasks running; rng.1 on head is rejected: No such image: rgn:v0.1, after 1 s\n  \
         `docker service ps --no-trunc rng` shows its tasks and their errors\n"
    );
}
