//! A Swarm of several nodes on this machine.

mod faults;
mod image;
mod inside;
mod show;
mod up;

use std::process::ExitCode;

use clap::Subcommand;
use cluster::DEFAULT_NAME;

/// Make a swarm of several nodes on this machine, each a container with its own Docker engine
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  lab cluster up
  lab cluster exec head -- docker node ls
  lab cluster stop worker-1
  lab cluster down")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

/// Which cluster is meant.
#[derive(Debug, clap::Args)]
pub struct Name {
    /// The cluster's name
    #[arg(long = "name", env = "LAB_CLUSTER", default_value = DEFAULT_NAME, value_name = "NAME")]
    name: cluster::Name,
}

/// One node of a cluster.
#[derive(Debug, clap::Args)]
pub struct Node {
    /// The node: head, worker-1, ...
    node: String,
    #[command(flatten)]
    cluster: Name,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Args),
    /// Take the cluster away: containers, networks, volumes, all of it
    Down(Name),
    /// List the clusters on this machine
    List,
    /// Show the nodes, their addresses, states and published ports
    Status(show::Status),
    /// Open a shell on a node
    Shell(inside::Shell),
    /// Run a command on a node, and exit with its code
    Exec(inside::Exec),
    /// Carry images from this machine's engine into the nodes
    Load(inside::Load),
    /// Crash a node: it loses its power
    Stop(Node),
    /// Start a node that was stopped
    Start(Node),
    /// Freeze a node
    Pause(Node),
    /// Let a frozen node go on
    Unpause(Node),
    /// Cut a node off from the private network: its packets vanish
    Partition(Node),
    /// Mend a partition
    Heal(Node),
    /// Print what a node's engine logged, or collect all logs in a folder
    Logs(show::Logs),
    Image(image::Args),
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Up(args) => up::run(args).await,
        Command::Down(name) => up::down(&name.name).await,
        Command::List => show::list().await,
        Command::Status(args) => show::status(args).await,
        Command::Shell(args) => inside::shell(args).await,
        Command::Exec(args) => inside::exec(args).await,
        Command::Load(args) => inside::load(args).await,
        Command::Stop(node) => faults::inflict(faults::Fault::Stop, &node).await,
        Command::Start(node) => faults::inflict(faults::Fault::Start, &node).await,
        Command::Pause(node) => faults::inflict(faults::Fault::Pause, &node).await,
        Command::Unpause(node) => faults::inflict(faults::Fault::Unpause, &node).await,
        Command::Partition(node) => faults::inflict(faults::Fault::Partition, &node).await,
        Command::Heal(node) => faults::inflict(faults::Fault::Heal, &node).await,
        Command::Logs(args) => show::logs(args).await,
        Command::Image(args) => image::run(args).await,
    }
}
