//! Who sends the load: this process, or agents.

use std::sync::atomic::AtomicBool;

use instrument::config::Config;
use instrument::report::{self, Report};
use instrument::{Observer, run};

use crate::{Error, Fleet, Part};

/// Sends the load of any number of runs.
pub enum Sender {
    /// This process.
    Here,
    /// Agents, which obey this process.
    Agents {
        /// The agents.
        fleet: Fleet,
        /// Held until this process is done with them: what takes them away where they were made for it.
        held: Option<Box<dyn Send>>,
    },
}

/// Why a run cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// By this process.
    #[error(transparent)]
    Here(#[from] report::Error),
    /// By the agents.
    #[error(transparent)]
    Agents(#[from] Error),
}

impl Sender {
    /// Runs a plan. The parts are those of the agents; there are none where this process sends.
    ///
    /// # Errors
    /// Nothing could be sent, or not all agents obey.
    pub fn run(
        &mut self,
        config: &Config,
        stop: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<(Report, Vec<Part>), Failed> {
        match self {
            Sender::Here => Ok((run(config, stop, observer)?, Vec::new())),
            Sender::Agents { fleet, .. } => {
                let outcome = fleet.run(config, stop, observer)?;
                Ok((outcome.report, outcome.parts))
            }
        }
    }

    /// How many generators share a plan out among them: the agents, or this process alone.
    pub fn generators(&self) -> usize {
        match self {
            Sender::Here => 1,
            Sender::Agents { fleet, .. } => fleet.len().max(1),
        }
    }

    /// How many threads hand over each interval of a plan.
    pub fn threads(&self, config: &Config) -> usize {
        match self {
            Sender::Here => config.threads,
            Sender::Agents { fleet, .. } => fleet.threads(config),
        }
    }
}
