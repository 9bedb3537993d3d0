//! A cluster's name becomes a part of paths, and root may be the one who types it: no command takes one that leads elsewhere.

use std::process::{Command, Output};

/// A command, and whether its name is that of the environment.
fn lab(arguments: &[&str], environment: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    // No engine answers there: whoever gets as far as to ask one is told so.
    command.args(arguments).env("DOCKER_HOST", "unix:///nonexistent/docker.sock").env_remove("LAB_CLUSTER");
    if let Some(name) = environment {
        command.env("LAB_CLUSTER", name);
    }
    command.output().unwrap()
}

fn refused(output: &Output, what: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{what}: {said}");
    assert!(said.contains("cannot name a cluster"), "{what}: {said}");
}

#[test]
fn no_command_takes_a_name_that_leads_out_of_its_folder() {
    let by_flag: [&[&str]; 14] = [
        &["cluster", "up", "--name"],
        &["cluster", "down", "--name"],
        &["cluster", "status", "--name"],
        &["cluster", "shell", "--name"],
        &["cluster", "load", "redis:8", "--name"],
        &["cluster", "stop", "worker-1", "--name"],
        &["cluster", "logs", "--name"],
        &["images", "load", "class.tar", "--cluster"],
        &["registry", "status", "--cluster"],
        &["tasks", "--cluster"],
        &["map", "--cluster"],
        &["start", "1", "--cluster"],
        &["check", "--cluster"],
        &["reset", "--cluster"],
    ];
    for arguments in by_flag {
        for name in ["../../x", "", "/etc", "A"] {
            refused(&lab(&[arguments, &[name]].concat(), None), &format!("{arguments:?} {name:?}"));
        }
    }
}

#[test]
fn the_environment_s_name_is_looked_at_just_so() {
    let by_environment: [&[&str]; 4] =
        [&["cluster", "down"], &["cluster", "exec", "head", "true"], &["check"], &["start", "1"]];
    for arguments in by_environment {
        for name in ["../../x", ""] {
            refused(&lab(arguments, Some(name)), &format!("LAB_CLUSTER={name:?} {arguments:?}"));
        }
    }
}

#[test]
fn a_good_name_gets_as_far_as_the_engine_and_the_error_blames_docker_host() {
    for arguments in [["cluster", "down"], ["cluster", "status"]] {
        let output = lab(&arguments, Some("team-7"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("no Docker engine answers") && said.contains("unset DOCKER_HOST"), "{said}");
    }
}
