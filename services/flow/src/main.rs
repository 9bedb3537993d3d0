//! The `flow` program.

use std::process::ExitCode;

use clap::Parser;

/// Work that ends: a picture as a thousand jobs in a database, worked off by a swarm of workers.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example, with a MariaDB on this machine and the password in a file:\n  \
                  export FLOW_DATABASE_HOST=127.0.0.1 FLOW_DATABASE_PASSWORD_FILE=password\n  \
                  flow submit\n  flow work --until-empty\n  flow status"
)]
struct Cli {
    #[command(subcommand)]
    role: flow::program::Role,
}

fn main() -> ExitCode {
    Cli::parse().role.run()
}
