//! The shell scripts of the repository, with stand-ins for what changes a machine.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder of commands that are all that a script finds.
struct Machine {
    folder: TempDir,
}

impl Machine {
    /// With some of this machine's commands as they are.
    fn new(real: &[&str]) -> Machine {
        let machine = Machine { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(machine.path("bin")).unwrap();
        for name in real {
            let path = std::env::var("PATH").unwrap();
            let found = path.split(':').map(|folder| Path::new(folder).join(name)).find(|file| file.exists());
            symlink(found.unwrap_or_else(|| panic!("{name} is not installed")), machine.path("bin").join(name))
                .unwrap();
        }
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A stand-in, a script.
    fn command(self, name: &str, script: &str) -> Machine {
        let file = self.path("bin").join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn bash(&self, script: &str) -> Output {
        let mut bash = Command::new("/bin/bash");
        bash.args(["-euo", "pipefail", "-c", script]).current_dir(self.folder.path());
        // What cargo tells its tests is not for the cargo of a script.
        bash.env_remove("CARGO_HOME").env_remove("CARGO_TARGET_DIR");
        bash.env("PATH", self.path("bin")).env("FOLDER", self.folder.path()).output().unwrap()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn prepare(then: &str) -> String {
    format!(". {}\n{then}", root().join("lab/prepare.sh").display())
}

/// Somebody who is not root.
fn student() -> Machine {
    let real =
        ["bash", "sh", "grep", "mkdir", "seq", "sleep", "setsid", "tail", "date", "kill", "cat", "ln", "touch", "rm"];
    Machine::new(&real).command("id", r#"case $1 in -u) echo 1000 ;; *) echo ada ;; esac"#)
}

#[test]
fn who_has_no_sudo_is_told_so_in_a_sentence() {
    let machine = student().command("dpkg-query", "exit 1").command("apt-get", "exit 0");
    let output = machine.bash(&prepare("install jq"));
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("installing jq needs root, and there is no sudo: run this as root"), "{text}");
    assert!(!text.contains("not found"), "{text}");
}

#[test]
fn an_engine_that_one_may_not_use_is_not_taken_for_a_stopped_one() {
    let refuses = "echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1";
    let machine = student().command("docker", refuses).command("dockerd", "touch $FOLDER/started");
    let output = machine.bash(&prepare("start_engine"));
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("a Docker engine runs, and ada may not use it"), "{text}");
    assert!(!machine.path("started").exists(), "another engine was started");
}

#[test]
fn an_engine_is_started_as_root_for_the_group_of_who_asked_and_stopped_again() {
    let machine = student()
        .command("sudo", "echo \"$*\" >>$FOLDER/sudo.log; exec \"$@\"")
        .command("docker", "[ -e $FOLDER/runs ]")
        .command("dockerd", "echo \"$*\" >$FOLDER/options; trap 'rm $FOLDER/runs; exit 0' TERM; touch $FOLDER/runs; while [ -e $FOLDER ]; do sleep 0.1; done");
    let output = machine.bash(&prepare("start_engine; stop_engine; [ ! -e runs ]"));
    assert!(output.status.success(), "{}", said(&output));
    let read = |name: &str| std::fs::read_to_string(machine.path(name)).unwrap();
    assert_eq!(read("options"), "--group ada\n");
    assert_eq!(read("sudo.log").lines().count(), 2, "{}", read("sudo.log"));
}

#[test]
fn ubuntu_is_told_where_a_browser_comes_from_and_another_chrome_will_do() {
    let machine = student();
    std::fs::write(machine.path("os-release"), "NAME=\"Ubuntu\"\nID=ubuntu\n").unwrap();
    let output = machine.bash(&prepare("OS_RELEASE=os-release install_browser"));
    assert!(
        !output.status.success() && said(&output).contains("Ubuntu has no package of Chromium"),
        "{}",
        said(&output)
    );
    let machine = machine.command("google-chrome", "echo this is Chrome");
    let output = machine.bash(&prepare("OS_RELEASE=os-release install_browser; chromium"));
    assert_eq!(said(&output), "this is Chrome\n");
}

#[test]
fn flags_for_the_compiler_are_whole_in_a_folder_with_a_blank() {
    let machine = Machine::new(&["sh", "dirname", "sed", "mkdir", "cp", "touch", "cat"])
        .command("rustc", "echo 'host: some-host'")
        .command("cargo", "printf %s \"$CARGO_ENCODED_RUSTFLAGS\" >$FOLDER/flags; mkdir -p target/some-host/release; touch target/some-host/release/rng");
    let folder = machine.path("a folder");
    std::fs::create_dir_all(folder.join("compose")).unwrap();
    std::fs::copy(root().join("compose/binaries.sh"), folder.join("compose/binaries.sh")).unwrap();
    let output =
        machine.bash("HOME=/home/ada RUSTFLAGS='-g  -C opt-level=1' PROGRAMS=rng sh 'a folder/compose/binaries.sh'");
    assert!(output.status.success(), "{}", said(&output));
    let flags = std::fs::read_to_string(machine.path("flags")).unwrap();
    let here = format!("--remap-path-prefix={}=/swarmlab", folder.display());
    let expected = [
        "-C",
        "target-feature=+crt-static",
        &here,
        "--remap-path-prefix=/home/ada/.cargo=/cargo",
        "-g",
        "-C",
        "opt-level=1",
    ];
    assert_eq!(flags.split('\u{1f}').collect::<Vec<_>>(), expected);
    assert!(folder.join("target/images/rng").exists());
}

/// A repository with one file besides the scan, and what the scan makes of it. Samples are put together here, so that this file has no secret in it.
fn scan(name: &str, text: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".ci")).unwrap();
    std::fs::copy(root().join(".ci/secrets"), folder.path().join(".ci/secrets")).unwrap();
    std::fs::write(folder.path().join(name), format!("first\n{text}\n")).unwrap();
    let git = Command::new("git").args(["init", "-q"]).current_dir(folder.path()).status().unwrap();
    assert!(git.success());
    let output = Command::new(folder.path().join(".ci/secrets")).output().unwrap();
    (output.status.code(), said(&output))
}

#[test]
fn secrets_are_found_in_every_form_and_in_every_file() {
    let word = ["Xq7vTr", "90pLzz"].concat();
    let pass = ["pass", "word"].concat();
    let loud = pass.to_uppercase();
    for (name, text) in [
        ("a.toml", format!("{pass} = \"{word}\"")),
        ("a.json", format!("{{\"{pass}\":\"{word}\"}}")),
        ("Dockerfile", format!("ENV DB_{loud} {word}")),
        ("a.env", format!("DB_{loud}=/{word}")),
        ("a.sh", format!("curl -H '{}: {} {word}'", "Authorization", "Bearer")),
        ("a.rs", format!("const KEY: &str = \"{}{}\";", "AKIA", "ABCDEFGHIJKLMNOP")),
        ("schlüssel.txt", format!("{loud}={word}")),
        ("two words.txt", format!("{loud}={word}")),
        ("beside.yml", format!("{loud}: /run/secrets/x and {loud}: {word}")),
    ] {
        let (code, said) = scan(name, &text);
        assert_eq!(code, Some(1), "{name}: {text}: {said}");
        assert!(said.contains(&format!("{name}:2:")), "{said}");
    }
}

#[test]
fn names_of_files_are_no_secrets() {
    for text in [
        "PASSWORD=/run/secrets/flow_password",
        "token: class.key",
        "password = read(file)",
        "Authorization: Bearer $TOKEN",
    ] {
        let (code, said) = scan("a.yml", text);
        assert_eq!(code, Some(0), "{text}: {said}");
        assert!(said.contains("none in 1 files"), "{said}");
    }
}

#[test]
fn a_scan_that_cannot_look_is_no_scan() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".ci")).unwrap();
    std::fs::copy(root().join(".ci/secrets"), folder.path().join(".ci/secrets")).unwrap();
    let mut scan = Command::new(folder.path().join(".ci/secrets"));
    let output = scan.env("GIT_CEILING_DIRECTORIES", folder.path().parent().unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("no git repository"), "{}", said(&output));
}
