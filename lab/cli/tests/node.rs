//! What is said on a node of a cluster to those who type there what belongs outside.

use std::process::{Command, Output};

/// A command as a node runs it: with the node's variable, and no engine that answers.
fn on_node(words: &str) -> Output {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(words.split(' ')).env("SWARMLAB_PRIVATE", "192.168.102.0/24");
    lab.env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR")).env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    lab.env_remove("LAB_CLUSTER").output().unwrap()
}

#[test]
fn what_works_only_outside_says_where_one_is_and_how_to_leave() {
    for words in [
        "check",
        "hint",
        "answer b",
        "next",
        "run",
        "solution",
        "reset",
        "status",
        "start 4",
        "report --student Ada",
        "cluster stop worker-2",
        "cluster status",
        "images list",
        "author check coins/1",
    ] {
        let output = on_node(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words}: {said}");
        assert!(
            said.starts_with("lab: this is a node of the cluster") && said.contains("`exit` leads back"),
            "{words}: {said}"
        );
    }
}

#[test]
fn what_works_on_nodes_gets_as_far_as_the_engine() {
    for words in ["tasks", "wait service rng", "map --once"] {
        let said = String::from_utf8_lossy(&on_node(words).stderr).into_owned();
        assert!(!said.contains("this is a node"), "{words}: {said}");
    }
    assert!(on_node("list").status.success() && on_node("help check").status.success());
}
