//! What tells a sweep what the containers of this node use; started by the sweep itself.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::sender::read_token;
use super::stop::stop_on_signals;

/// Answers a sweep's questions about the containers of this node, until the sweep is over
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the sweep waits
    #[arg(long, value_name = "HOST:PORT", env = "LOADGEN_AGENT_JOIN")]
    join: String,

    /// File with the token that the sweep has
    #[arg(long, value_name = "FILE", env = "LOADGEN_TOKEN_FILE")]
    token_file: PathBuf,
}

/// Runs until the sweep is gone.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let token = read_token(&args.token_file)?;
    let stop = stop_on_signals().context("the signals that end this cannot be caught")?;
    recruit::nodes::answer(&args.join, &token, &stop).with_context(|| format!("the sweep at {}", args.join))?;
    Ok(ExitCode::SUCCESS)
}
