//! The labs' command line.

mod commands;
mod output;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};

use commands::Command;

/// Guided labs on a Swarm, and the Swarm that they run on.
#[derive(Debug, Parser)]
#[command(name = "lab", version, arg_required_else_help = true, after_help = commands::EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Exit code of a bad setting, as clap has it for those that are flags.
const BAD_SETTING: u8 = 2;

fn main() -> ExitCode {
    output::refusals_end_it();
    let matches = commands::groups::grouped(commands::groups::plain_usage(Cli::command())).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Err(error) = swarm::patience::check() {
        anstream::eprintln!("lab: {error}");
        return ExitCode::from(BAD_SETTING);
    }
    match cli.command.run().and_then(output::written) {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}
