//! The measuring instrument's command line.

mod commands;

use std::process::ExitCode;

use clap::Parser;

use commands::{Command, WrongUsage};

/// Measures how a service scales: probes, load, and the scaling experiment.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version, arg_required_else_help = true, after_help = commands::EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match Cli::parse().command.run() {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("loadgen: {error:#}");
            if error.is::<WrongUsage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
