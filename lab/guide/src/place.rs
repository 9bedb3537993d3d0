//! Where a lab runs: on the nodes of a `lab cluster`, or on machines of their own.

use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use cluster::{Outer, Output, node_engine};
use swarm::{Engine, Swarm};
use tokio::process::Command;

use crate::machines;

/// File that names the machines where they are no `lab cluster`: a line each with name, private address and public
/// address, this machine first.
pub const MACHINES_FILE: &str = "/etc/swarmlab/nodes";

/// Where CloudLab puts the repository of a profile, unless LAB_REPO names another folder.
const REPOSITORY: &str = "/local/repository";

/// The nodes that a lab runs on.
#[derive(Debug, Clone)]
pub enum Place {
    /// Containers on this machine.
    Cluster {
        /// The engine that runs them.
        outer: Outer,
        /// The cluster's name.
        name: String,
    },
    /// Machines of their own; this one is the first, and the others are reached by ssh.
    Machines {
        /// The machines.
        nodes: Vec<Node>,
        /// The folder of the repository on each of them.
        folder: String,
    },
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name: head, worker-1, ...
    pub name: String,
    /// Its address for other nodes.
    pub private: String,
    /// Its address for everybody else.
    pub public: String,
    /// Whether it is there; for machines, that is not known.
    pub running: bool,
}

/// Whether this program runs on a node of a cluster, where what students type beside docker commands is out of place: their
/// progress and the engine that runs the nodes are outside.
pub fn on_node() -> bool {
    // Set in every node of a cluster. Machines of their own are nodes, and the place for everything.
    std::env::var_os("SWARMLAB_PRIVATE").is_some() && !std::path::Path::new(MACHINES_FILE).exists()
}

/// For what works only outside of the nodes.
///
/// # Errors
/// On a node of a cluster: students try `lab check` in the shell that they type docker commands in.
pub fn outside() -> Result<()> {
    if on_node() {
        bail!(
            "this is a node of the cluster\n  run that where you made it: `exit` leads back; here `lab tasks`, `lab wait` and `lab map` work"
        );
    }
    Ok(())
}

impl Place {
    /// The machines of the file where there is one, and otherwise the cluster of that name.
    ///
    /// # Errors
    /// When there is neither.
    pub async fn find(cluster: &str) -> Result<Place> {
        if let Ok(text) = std::fs::read_to_string(MACHINES_FILE) {
            let folder = std::env::var("LAB_REPO").unwrap_or_else(|_| REPOSITORY.to_owned());
            return Ok(Place::Machines { nodes: machines(&text)?, folder });
        }
        outside()?;
        let outer = Outer::connect().await?;
        if outer.nodes(Some(cluster)).await?.is_empty() {
            bail!(
                "the labs need a few nodes, and there is no cluster {cluster}\n  make one with `lab cluster up --bare{}`{}",
                if cluster == cluster::DEFAULT_NAME { String::new() } else { format!(" --name {cluster}") },
                outer.reason()
            );
        }
        Ok(Place::Cluster { outer, name: cluster.to_owned() })
    }

    /// The nodes, head first.
    ///
    /// # Errors
    /// When the engine outside does not answer.
    pub async fn nodes(&self) -> Result<Vec<Node>> {
        match self {
            Place::Machines { nodes, .. } => Ok(nodes.clone()),
            Place::Cluster { outer, name } => {
                let status = cluster::status::status(outer, name).await?;
                let node = |node: cluster::status::NodeStatus| Node {
                    running: node.state == "running",
                    name: node.name,
                    private: node.private.unwrap_or_default(),
                    public: node.public.unwrap_or_default(),
                };
                Ok(status.nodes.into_iter().map(node).collect())
            }
        }
    }

    /// One node by name.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn node(&self, name: &str) -> Result<Node> {
        let nodes = self.nodes().await?;
        let names: Vec<String> = nodes.iter().map(|node| node.name.clone()).collect();
        let found = nodes.into_iter().find(|node| node.name == name);
        found.with_context(|| format!("there is no node {name}; there are: {}", names.join(", ")))
    }

    /// The folder of the repository, on the nodes.
    pub fn folder(&self) -> String {
        match self {
            Place::Cluster { .. } => cluster::REPOSITORY.to_owned(),
            Place::Machines { folder, .. } => folder.clone(),
        }
    }

    /// The argument list that runs a script, as a person who is logged in would.
    pub fn shell(&self, script: &str) -> [String; 3] {
        // The settings of whoever passes the tests are no part of them, and may take long to read.
        let login = if cfg!(test) { "-c" } else { "-lc" };
        ["bash".to_owned(), login.to_owned(), format!("{}\n{script}", cluster::environment(&self.folder()))]
    }

    /// Runs a script on a node.
    ///
    /// # Errors
    /// When the node cannot be reached; a script that fails is an output with its code.
    pub async fn run(&self, node: &str, script: &str) -> Result<Output> {
        let words = self.shell(script);
        match self {
            Place::Cluster { outer, name } => {
                let found = outer.node(name, node).await?;
                if found.state != "running" {
                    bail!("{node} does not run: it is {}\n  `lab cluster start {node}` starts it", found.state);
                }
                outer.exec(&found.id, &words.each_ref().map(String::as_str)).await
            }
            Place::Machines { nodes, .. } if nodes.first().is_some_and(|first| first.name == node) => {
                local(&words).await
            }
            Place::Machines { .. } => {
                // One word for the shell at the other end, whatever is in the script.
                let quoted = format!("bash -lc {}", cluster::quoted(&words[2]));
                local(&[&["ssh"], machines::SSH.as_slice(), &[node, &quoted]].concat()).await
            }
        }
    }

    /// Runs a script that must succeed, and returns its output.
    ///
    /// # Errors
    /// When it fails: the error has what it said.
    pub async fn run_ok(&self, node: &str, script: &str) -> Result<String> {
        let output = self.run(node, script).await?;
        if output.code != 0 {
            bail!("on {node}, `{script}` ended with {}:\n{}{}", output.code, output.stdout, output.stderr);
        }
        Ok(output.stdout)
    }

    /// Runs a script on a node in this terminal, and returns its exit code.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub async fn attach(&self, node: &str, script: &str) -> Result<i64> {
        let words = self.shell(script);
        match self {
            // A process of its own: what it still waits to read from the terminal ends with it, and swallows no answer.
            Place::Cluster { name, .. } => {
                let program = std::env::current_exe().context("this program does not know its own path")?;
                wait(Command::new(program).args(["cluster", "exec", "--name", name, node, "--"]).args(&words)).await
            }
            Place::Machines { nodes, .. } if nodes.first().is_some_and(|first| first.name == node) => {
                wait(Command::new(&words[0]).args(&words[1..])).await
            }
            Place::Machines { .. } => {
                let quoted = format!("bash -lc {}", cluster::quoted(&words[2]));
                wait(Command::new("ssh").args(machines::SSH).args(["-t", node, &quoted])).await
            }
        }
    }

    /// The Swarm, through head, or through another manager where head does not answer or is none.
    ///
    /// # Errors
    /// When no node manages a swarm: what head says.
    pub async fn swarm(&self) -> Result<Swarm> {
        let error = match self.engine().await {
            Ok(engine) => match engine.swarm().await {
                Ok(swarm) => return Ok(swarm),
                Err(error) => anyhow::Error::from(error),
            },
            Err(error) => error,
        };
        let Place::Cluster { outer, name } = self else { return Err(error) };
        for node in outer.existing(name).await?.iter().filter(|node| node.state == "running" && node.node != "head") {
            if let Ok(engine) = node_engine(name, &node.node).await
                && let Ok(swarm) = engine.swarm().await
                && swarm.nodes().await.is_ok()
            {
                return Ok(swarm);
            }
        }
        Err(error)
    }

    /// The engine outside the nodes, where they are containers.
    pub fn outer(&self) -> Option<&Outer> {
        match self {
            Place::Cluster { outer, .. } => Some(outer),
            Place::Machines { .. } => None,
        }
    }

    /// The engine of head.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn engine(&self) -> Result<Engine> {
        Ok(match self {
            Place::Cluster { name, .. } => node_engine(name, "head").await?,
            Place::Machines { .. } => Engine::connect(Some(swarm::DEFAULT_HOST)).await?,
        })
    }

    /// The cluster's name, where the nodes are one.
    pub fn cluster(&self) -> Option<&str> {
        match self {
            Place::Cluster { name, .. } => Some(name),
            Place::Machines { .. } => None,
        }
    }
}

/// Runs a script where `lab` itself runs, with `lab` on its path.
///
/// # Errors
/// When there is no shell.
pub async fn here(script: &str) -> Result<Output> {
    local(&["sh", "-c", &with_lab(script)?]).await
}

/// The same in this terminal; returns the exit code.
///
/// # Errors
/// When there is no shell.
pub async fn attach_here(script: &str) -> Result<i64> {
    wait(Command::new("sh").args(["-c", &with_lab(script)?])).await
}

fn with_lab(script: &str) -> Result<String> {
    let program = std::env::current_exe()?;
    let folder = program.parent().context("this program is in no folder")?;
    Ok(format!("{}\n{script}", on_path(&folder.display().to_string())))
}

fn on_path(folder: &str) -> String {
    format!("PATH={}:$PATH", cluster::quoted(folder))
}

async fn local(words: &[impl AsRef<std::ffi::OsStr>]) -> Result<Output> {
    // A look that is given up leaves no process behind.
    let run = Command::new(&words[0]).args(&words[1..]).stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = run.with_context(|| format!("cannot run {}", words[0].as_ref().display()))?;
    Ok(Output {
        code: output.status.code().unwrap_or(-1).into(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

async fn wait(command: &mut Command) -> Result<i64> {
    Ok(command.status().await.context("cannot run the command")?.code().unwrap_or(-1).into())
}

fn machines(text: &str) -> Result<Vec<Node>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let nodes: Result<Vec<Node>> = lines
        .map(|line| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            [name, private, rest @ ..] => Ok(Node {
                name: (*name).to_owned(),
                private: (*private).to_owned(),
                public: (*rest.first().unwrap_or(private)).to_owned(),
                running: true,
            }),
            _ => bail!("{MACHINES_FILE}: `{line}` is not a name and a private address"),
        })
        .collect();
    let nodes = nodes?;
    if nodes.first().is_none_or(|first| first.name != "head") {
        bail!("{MACHINES_FILE} names no machine, or its first is not head");
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::{machines, on_path};

    #[test]
    fn a_folder_with_a_quote_is_on_the_path() {
        let script = format!("{}\nprintf %s \"$PATH\"", on_path("/home/ada's lab/bin"));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("/home/ada's lab/bin:/"), "{output:?}");
    }

    #[test]
    fn machines_are_read_with_or_without_a_public_address() {
        let nodes = machines("# this one first\nhead 10.10.1.1 203.0.113.5\n\nworker-1 10.10.1.2\n").unwrap();
        assert_eq!((nodes[0].public.as_str(), nodes[1].public.as_str()), ("203.0.113.5", "10.10.1.2"));
        assert!(machines("head\n").unwrap_err().to_string().contains("is not a name"));
        assert!(machines("worker-1 10.10.1.2\n").is_err());
    }
}
