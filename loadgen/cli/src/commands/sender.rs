//! Who sends the load: this process, or agents.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use agents::{Fleet, Part, Token};
use anyhow::Context;
use instrument::Observer;
use instrument::config::Config;
use instrument::report::Report;

use super::WrongUsage;

/// Who sends the load.
#[derive(Debug, clap::Args)]
pub struct SenderArgs {
    /// Let an agent (`loadgen agent`) send its part of the load; with several, each has its part of one schedule
    #[arg(long, value_name = "HOST:PORT", requires = "token_file")]
    agent: Vec<String>,

    /// File with the token that the agents have
    #[arg(long, value_name = "FILE", env = "LOADGEN_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

/// Reads a token from its file.
pub fn read_token(path: &std::path::Path) -> anyhow::Result<Token> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Token::new(&text).with_context(|| path.display().to_string())
}

/// Sends the load of any number of runs.
pub enum Sender {
    /// This process.
    Here,
    /// Agents, which obey this process.
    Agents(Fleet),
}

impl SenderArgs {
    /// Makes ready whoever sends.
    pub fn sender(&self) -> anyhow::Result<Sender> {
        if self.agent.is_empty() {
            return Ok(Sender::Here);
        }
        let file = self.token_file.as_ref().ok_or_else(|| WrongUsage::new("--agent needs --token-file"))?;
        let token = read_token(file).map_err(WrongUsage::new)?;
        Ok(Sender::Agents(Fleet::dial(&self.agent, &token)?))
    }
}

impl Sender {
    /// Runs a plan. The parts are those of the agents; there are none where this process sends.
    pub fn run(
        &mut self,
        config: &Config,
        stop: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> anyhow::Result<(Report, Vec<Part>)> {
        match self {
            Sender::Here => Ok((instrument::run(config, stop, observer)?, Vec::new())),
            Sender::Agents(fleet) => {
                let outcome = fleet.run(config, stop, observer)?;
                Ok((outcome.report, outcome.parts))
            }
        }
    }

    /// How many threads hand over each interval of a plan.
    pub fn threads(&self, config: &Config) -> usize {
        match self {
            Sender::Here => config.threads,
            Sender::Agents(fleet) => fleet.threads(config),
        }
    }
}
