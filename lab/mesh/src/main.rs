//! The `mesh` program.

use std::process::ExitCode;

use clap::Parser;
use mesh::Forward;

/// Passes connections on to services by their names, as Swarm's routing mesh does where the kernel has IPVS.
///
/// Run as a global service with ports in host mode, it makes a service answer on every node.
#[derive(Debug, Parser)]
#[command(version, after_help = "Example:\n  mesh 8000=webui:80 5000=registry:5000")]
struct Cli {
    /// What to pass on: port here, name and port there
    #[arg(required = true, env = "MESH_FORWARD", value_delimiter = ',', value_name = "PORT=NAME:PORT")]
    forward: Vec<Forward>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.and_then(|runtime| runtime.block_on(mesh::run(&cli.forward, mesh::told_to_stop())));
    if let Err(error) = done {
        eprintln!("mesh: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
