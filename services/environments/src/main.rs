//! The `environments` program.

use std::process::ExitCode;

use clap::Parser;

/// Containers on request: an API that starts, shows and ends a user's own environments, and the proxy before Docker's socket.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example, on a manager, with a network `environments` and lines `name token` in the file `users`:\n  \
                  export ENVIRONMENTS_IMAGES=rng=dockercoins/rng\n  \
                  environments proxy --listen 127.0.0.1:8834 &\n  \
                  environments api --listen 127.0.0.1:8833 --docker tcp://127.0.0.1:8834 --users users --key-file key"
)]
struct Cli {
    #[command(subcommand)]
    role: environments::program::Role,
}

fn main() -> ExitCode {
    Cli::parse().role.run()
}
