//! On the nodes.

use std::process::ExitCode;

use anyhow::bail;
use cluster::{Outer, load};

use super::Name;

#[derive(Debug, clap::Args)]
pub struct Shell {
    /// The node: head, worker-1, ...
    #[arg(default_value = "head")]
    node: String,
    #[command(flatten)]
    cluster: Name,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lab cluster exec head -- docker node ls")]
pub struct Exec {
    /// The node: head, worker-1, ...
    node: String,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
    #[command(flatten)]
    cluster: Name,
}

#[derive(Debug, clap::Args)]
pub struct Load {
    /// Images of this machine's engine
    #[arg(required = true)]
    images: Vec<String>,
    /// Only into this node; may be given several times
    #[arg(long = "node", value_name = "NODE")]
    nodes: Vec<String>,
    #[command(flatten)]
    cluster: Name,
}

/// Opens a shell, with all that the labs' commands find: they are typed here.
pub async fn shell(args: Shell) -> anyhow::Result<ExitCode> {
    let folder = cluster::REPOSITORY;
    let script = format!("if [ -d {folder} ]; then {}\nfi\nexec bash", cluster::environment(folder));
    attach(&args.cluster, &args.node, &["bash".to_owned(), "-lc".to_owned(), script]).await
}

/// Runs a command.
pub async fn exec(args: Exec) -> anyhow::Result<ExitCode> {
    attach(&args.cluster, &args.node, &args.command).await
}

async fn attach(cluster: &Name, name: &str, command: &[String]) -> anyhow::Result<ExitCode> {
    let outer = Outer::connect().await?;
    let node = outer.node(&cluster.name, name).await?;
    if node.state != "running" {
        bail!("{name} does not run: it is {}\n  `lab cluster start {name}` starts it", node.state);
    }
    let code = outer.attach(&node.id, command, None).await?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// Carries images into nodes.
pub async fn load(args: Load) -> anyhow::Result<ExitCode> {
    let outer = Outer::connect().await?;
    let nodes = load::load(&outer, &args.cluster.name, &args.images, &args.nodes).await?;
    anstream::println!("{} loaded into {}", args.images.join(", "), nodes.join(", "));
    Ok(ExitCode::SUCCESS)
}
