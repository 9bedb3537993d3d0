//! What runs where.

use std::process::ExitCode;

use super::manager::Manager;
use super::terminal_width;

/// Print every task slot of the swarm, or of one service: its task, status and node
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Status: pending (new, pending, assigned, accepted), running (preparing, ready, starting, running),
done (complete, shutdown, remove), failed (failed, rejected, orphaned).

Example:
  lab tasks worker"
)]
pub struct Args {
    /// Only this service
    service: Option<String>,
    /// Print as JSON, with the exact state and the error of each task
    #[arg(long)]
    json: bool,
    /// Print identifiers whole; they are cut to what fits into a terminal, and whole in a pipe
    #[arg(long)]
    no_trunc: bool,
    #[command(flatten)]
    manager: Manager,
}

/// Prints the table.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let swarm = args.manager.swarm().await?;
    let rows = swarm::table::rows(&swarm, args.service.as_deref()).await?;
    if args.json {
        anstream::println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        let width = terminal_width().filter(|_| !args.no_trunc);
        anstream::print!("{}", swarm::table::text(&rows, width));
    }
    Ok(ExitCode::SUCCESS)
}
