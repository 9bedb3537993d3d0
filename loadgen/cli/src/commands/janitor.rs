//! What takes agents on a Swarm away after their run; started by the run itself.

use std::process::ExitCode;

/// Waits for the end of standard input, then removes the agents of a run
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The manager's engine
    #[arg(long)]
    host: String,

    /// The run's name
    #[arg(long)]
    run: String,
}

/// Waits, and removes.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    recruit::janitor::wait(&args.host, &args.run)?;
    Ok(ExitCode::SUCCESS)
}
