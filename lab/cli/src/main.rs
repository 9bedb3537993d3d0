//! The labs' command line.

mod commands;

use std::process::ExitCode;

use clap::Parser;

use commands::Command;

/// Guided labs on a Swarm, and the Swarm that they run on.
#[derive(Debug, Parser)]
#[command(name = "lab", version, arg_required_else_help = true, after_help = commands::EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match swarm::patience::check().map_err(anyhow::Error::msg).and_then(|()| cli.command.run()) {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}
