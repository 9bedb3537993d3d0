//! Who sends the load: this process, or agents that are there, come, or are made.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use agents::{Fleet, Sender, Token};
use anyhow::Context;
use recruit::{Count, Wanted};

use super::WrongUsage;

/// How long agents that come by themselves may take.
const COME: Duration = Duration::from_secs(60);

/// Who sends the load.
#[derive(Debug, Clone, clap::Args)]
pub struct SenderArgs {
    /// Let an agent (`loadgen agent`) send its part of the load; with several, each has its part of one schedule
    #[arg(long, value_name = "HOST:PORT", requires = "token_file")]
    agent: Vec<String>,

    /// Make so many agents (or one a node: global) as a service of the Swarm that DOCKER_HOST manages, for this run
    #[arg(long, value_name = "N|global", conflicts_with = "agent")]
    agents: Option<Count>,

    /// With --agents: a network that they join, so that they reach the service by its name there; may be repeated
    #[arg(long, value_name = "NAME", requires = "agents")]
    agent_network: Vec<String>,

    /// With --agents: their image; without it, the newest of the manager's images that is loadgen's
    #[arg(long, value_name = "IMAGE", requires = "agents")]
    agent_image: Option<String>,

    /// With --agents: a placement constraint, as node.role==worker; may be repeated
    #[arg(long, value_name = "CONSTRAINT", requires = "agents")]
    agent_constraint: Vec<String>,

    /// With --agents: keep them away from the nodes where this service runs now; may be repeated
    #[arg(long, value_name = "SERVICE", requires = "agents")]
    agents_away_from: Vec<String>,

    /// With --agents: the address of this machine that they come to; without it, the one that reaches the nodes
    #[arg(long, value_name = "IP", requires = "agents")]
    coordinator: Option<IpAddr>,

    /// With --agents: do not make them, but wait here for agents that come by themselves (`loadgen agent --join`)
    #[arg(long, value_name = "IP:PORT", requires_all = ["agents", "token_file"],
          conflicts_with_all = ["agent_network", "agent_image", "agent_constraint", "agents_away_from", "coordinator"])]
    listen: Option<SocketAddr>,

    /// File with the token that the agents have
    #[arg(long, value_name = "FILE", env = "LOADGEN_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

/// Reads a token from its file.
pub fn read_token(path: &std::path::Path) -> anyhow::Result<Token> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Token::new(&text).with_context(|| path.display().to_string())
}

impl SenderArgs {
    /// Whether somebody else than this process is to send.
    pub fn is_asked_for(&self) -> bool {
        self.agents.is_some() || !self.agent.is_empty()
    }

    /// The same, with agents on these networks unless others were named.
    pub fn on(mut self, networks: Vec<String>) -> Self {
        if self.agent_network.is_empty() {
            self.agent_network = networks;
        }
        self
    }

    /// Makes ready whoever sends.
    pub fn sender(&self, stop: &AtomicBool) -> anyhow::Result<Sender> {
        self.sender_of(None, stop)
    }

    /// Makes ready whoever sends; agents are made through this engine, or through that of DOCKER_HOST.
    pub fn sender_of(&self, host: Option<&str>, stop: &AtomicBool) -> anyhow::Result<Sender> {
        match (self.agents, self.listen) {
            (None, _) if self.agent.is_empty() => return Ok(Sender::Here),
            (Some(count), None) => {
                let wanted = Wanted {
                    count,
                    image: self.agent_image.clone(),
                    networks: self.agent_network.clone(),
                    constraints: self.agent_constraint.clone(),
                    away_from: self.agents_away_from.clone(),
                };
                let tell = |line: &str| anstream::eprintln!("{line}");
                let (fleet, janitor) = recruit::hire(&wanted, host, self.coordinator, stop, &tell)?;
                return Ok(Sender::Agents { fleet, held: Some(Box::new(janitor)) });
            }
            _ => {}
        }
        let file = self.token_file.as_ref().ok_or_else(|| WrongUsage::new("agents need --token-file"))?;
        let token = read_token(file).map_err(WrongUsage::new)?;
        let fleet = match (self.agents, self.listen) {
            (Some(Count::Global), Some(_)) => {
                return Err(WrongUsage::new("--listen waits for a number of agents: --agents 6").into());
            }
            (Some(Count::Some(agents)), Some(address)) => {
                let agents = agents as usize;
                let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
                let address = listener.local_addr().context("the port cannot be told")?;
                anstream::eprintln!("waiting on {address} for {agents} agents");
                let mut tell = |came| anstream::eprintln!("{came} of {agents} agents");
                Fleet::gather(&listener, agents, &token, COME, stop, &mut tell)?
            }
            _ => Fleet::dial(&self.agent, &token)?,
        };
        Ok(Sender::Agents { fleet, held: None })
    }
}
