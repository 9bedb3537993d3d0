//! `loadgen agent` and `loadgen bench --agent` as a user calls them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a test waits for what has to happen: on a busy machine it happens late.
const BOUND: Duration = Duration::from_secs(120);

/// A server that answers everything, and says when the first request came.
fn server() -> (SocketAddr, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let tell = tell.clone();
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|count| count > 0) {
                    // Nobody listens after the first.
                    let _ = tell.send(());
                    if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, told)
}

fn loadgen(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(arguments).env("NO_COLOR", "1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// An agent as a process, with its token in a file.
struct Agent {
    child: Child,
    address: String,
    lines: Receiver<String>,
    folder: tempfile::TempDir,
}

impl Agent {
    fn start() -> Agent {
        let folder = tempfile::tempdir().expect("a folder");
        let token = loadgen(&["agent", "--new-token"]).output().expect("it runs");
        std::fs::write(folder.path().join("token"), &token.stdout).expect("written");
        let token = folder.path().join("token");
        let mut child = loadgen(&["agent", "--listen", "127.0.0.1:0", "--token-file", &token.to_string_lossy()])
            .spawn()
            .expect("it runs");
        let mut first = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        out.read_line(&mut first).expect("it says where it waits");
        let address = first.trim().trim_start_matches("agent waits on ").to_owned();
        let (tell, lines) = channel();
        let error = BufReader::new(child.stderr.take().expect("piped"));
        std::thread::spawn(move || error.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Agent { child, address, lines, folder }
    }

    fn token(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    /// Waits until it says this.
    fn says(&self, what: &str) {
        while !self.lines.recv_timeout(BOUND).expect("it says it in time").contains(what) {}
    }

    /// A run with this agent.
    fn bench(&self, url: &str, options: &[&str]) -> Command {
        let token = self.token();
        let mut command = loadgen(&["bench", "--agent", &self.address, "--token-file", &token.to_string_lossy(), url]);
        command.args(options);
        command
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It is this test's own child; that it is gone already is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_run_by_an_agent_has_a_table_of_agents_and_json_with_their_parts() {
    let (address, _) = server();
    let agent = Agent::start();
    let options = ["-n", "200", "--rate", "400", "-c", "8", "--drain", "60s"];
    let (out, error) = text(&agent.bench(&address.to_string(), &options).output().expect("it runs"));
    assert!(out.contains("200 due = 200 done + 0 failed + 0 unfinished"), "{out}{error}");
    assert!(out.contains("agent") && out.contains(&agent.address) && out.contains("clock"), "{out}");
    let output = agent.bench(&address.to_string(), &options).arg("--json").output().expect("it runs");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&json["requests"]["due"], &json["agents"][0]["due"]), (&200.into(), &200.into()));
}

#[test]
fn an_agent_whose_coordinator_is_killed_is_idle_again_and_serves_the_next() {
    let (address, requests) = server();
    let agent = Agent::start();
    let mut coordinator =
        agent.bench(&address.to_string(), &["--rate", "100", "-d", "60m", "-c", "4"]).spawn().expect("it runs");
    requests.recv_timeout(BOUND).expect("a request comes");
    coordinator.kill().expect("it runs");
    coordinator.wait().expect("it was killed");
    agent.says("is gone");
    let options = ["-n", "20", "--rate", "400", "-c", "4", "--drain", "60s"];
    let (out, error) = text(&agent.bench(&address.to_string(), &options).output().expect("it runs"));
    assert!(out.contains("20 due = 20 done"), "{out}{error}");
}

#[test]
fn a_wrong_token_is_refused_on_both_sides() {
    let (address, _) = server();
    let agent = Agent::start();
    std::fs::write(agent.token(), "another token that is long enough").expect("written");
    let output = agent.bench(&address.to_string(), &["-n", "1"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).1.contains("it does not have the same token"), "{:?}", text(&output));
    agent.says("refused 127.0.0.1");
}

#[test]
fn an_agent_does_not_listen_on_every_interface_unasked() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, "a token that is long enough").expect("written");
    let file = token.to_string_lossy().into_owned();
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let output = loadgen(&["agent", "--listen", listen, "--token-file", &file]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output).1.contains("every interface"), "{:?}", text(&output));
    }
    std::fs::write(&token, "short").expect("written");
    let output = loadgen(&["agent", "--token-file", &file]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).1.contains("needs at least 16"), "{:?}", text(&output));
}

#[test]
fn agents_that_nobody_can_reach_come_to_the_coordinator_and_end_with_it() {
    let (address, _) = server();
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, "a token that is long enough").expect("written");
    let file = token.to_string_lossy().into_owned();
    let url = address.to_string();
    let options =
        ["--agents", "2", "--listen", "127.0.0.1:0", "--token-file", &file, "-n", "50", "--rate", "200", "-c", "4"];
    let mut coordinator = loadgen(&["bench", "--drain", "60s", &url]).args(options).spawn().expect("it runs");
    let mut lines = BufReader::new(coordinator.stderr.take().expect("piped")).lines();
    let first = lines.next().expect("a line").expect("text");
    let join = first.trim_start_matches("waiting on ").trim_end_matches(" for 2 agents").to_owned();
    let agents: Vec<Child> =
        (0..2).map(|_| loadgen(&["agent", "--join", &join, "--token-file", &file]).spawn().expect("it runs")).collect();
    let output = coordinator.wait_with_output().expect("it ends");
    let (out, _) = text(&output);
    assert!(out.contains("50 due = 50 done"), "{out}");
    for mut agent in agents {
        assert!(agent.wait().expect("it ends").success());
    }
}

#[test]
fn agents_on_a_swarm_need_one_and_say_so() {
    let ask = |options: &[&str]| {
        let mut command = loadgen(&["bench", "127.0.0.1:1", "-d", "1s"]);
        command.args(options).env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
        let output = command.output().expect("it runs");
        (output.status.code(), text(&output).1)
    };
    let (code, said) = ask(&["--agents", "3"]);
    assert!(code == Some(1) && said.contains("no Docker engine answers at unix:///nonexistent"), "{code:?} {said}");
    for (options, reason) in [
        (&["--agents", "0"][..], "neither a number above 0 nor `global`"),
        (&["--agents", "2", "--agent", "127.0.0.1:1"], "cannot be used with"),
        (&["--agent-network", "shop"], "--agents"),
        (&["--agents", "global", "--listen", "127.0.0.1:0", "--token-file", "/dev/null"], "the token has 0 characters"),
        (&["--agents", "2", "--listen", "127.0.0.1:0", "--agent-network", "shop"], "cannot be used with"),
    ] {
        let (code, said) = ask(options);
        assert!(code == Some(2) && said.contains(reason), "{options:?}: {code:?} {said}");
    }
}
