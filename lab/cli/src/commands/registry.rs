//! The registry inside the swarm.

use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use cluster::{Outer, load};
use swarm::kernel::{self, Module};
use swarm::patient;
use swarm::registry::{self, Plan};

use super::manager::Manager;

/// How long its tasks may take to stop; Swarm kills those that do not after 10 s.
const REMOVED_WITHIN: Duration = Duration::from_secs(30);

/// Run a registry inside the swarm, which answers as 127.0.0.1:5000 on every node
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With IPVS in the kernel the routing mesh makes it answer on every node; without, a task on each node
passes connections on.

Example:
  lab registry up
  docker tag busybox:1 127.0.0.1:5000/busybox && docker push 127.0.0.1:5000/busybox"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the registry, and wait until it answers on every node
    Up(Up),
    /// Remove the registry; its volume with the images stays
    Down(Manager),
    /// Say on which nodes it answers
    Status(Manager),
}

#[derive(Debug, clap::Args)]
struct Up {
    /// Image of the registry
    #[arg(long, env = "LAB_REGISTRY_IMAGE", default_value = "registry:2")]
    image: String,
    /// Image that passes connections on where the kernel has no IPVS
    #[arg(long, env = "LAB_MESH_IMAGE", default_value = "dockercoins/mesh:latest")]
    mesh: String,
    /// How long it may take
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=super::wait::LONGEST))]
    within: u64,
    #[command(flatten)]
    manager: Manager,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Up(args) => up(args).await,
        Command::Down(manager) => {
            let removed = registry::down(&manager.swarm().await?, patient(REMOVED_WITHIN)).await?;
            if removed.is_empty() {
                anstream::println!("there is no registry in this swarm");
            } else {
                anstream::println!("removed {}", removed.join(", "));
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Status(manager) => {
            let swarm = manager.swarm().await?;
            let mut all = true;
            for node in swarm.nodes().await? {
                let answers = registry::answers(&node.address).await;
                all &= answers;
                let word = if answers { "answers" } else { "does not answer" };
                anstream::println!("{} ({}:{}): {word}", node.name, node.address, registry::PORT);
            }
            Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

async fn up(args: Up) -> anyhow::Result<ExitCode> {
    let swarm = args.manager.swarm().await?;
    let ipvs = kernel::ipvs() != Module::Missing;
    if !ipvs {
        anstream::eprintln!("this kernel has no IPVS: a task on each node passes connections on");
    }
    let plan = Plan { image: args.image, mesh: (!ipvs).then_some(args.mesh) };
    if let Some((name, _)) = cluster::node_of(swarm.engine().host()) {
        // These two cannot come from the registry that they make.
        let images: Vec<&str> = [Some(plan.image.as_str()), plan.mesh.as_deref()].into_iter().flatten().collect();
        load::spread(&Outer::connect().await?, &name, &images).await?;
    }
    for converged in registry::up(&swarm, &plan, patient(Duration::from_secs(args.within))).await? {
        let nodes: Vec<&str> = converged.running.iter().map(|task| converged.node_of(task)).collect();
        anstream::println!("{} runs on {}", converged.service.name, nodes.join(", "));
    }
    anstream::println!("127.0.0.1:{} answers on every node", registry::PORT);
    Ok(ExitCode::SUCCESS)
}
