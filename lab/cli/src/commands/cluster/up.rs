//! Making a cluster, and taking it away.

use std::net::{IpAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, bail};
use cluster::preflight::{self, Level};
use cluster::{Outer, image, up};

use super::Name;

/// Make a swarm of several nodes on this machine
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each node has two networks, public (eth0) and private (eth1), as machines in a data centre have. Ports
8000 to 8002 of head are reachable on this machine; --publish 0:8000 takes any free port instead.

Examples:
  lab cluster up
  lab cluster up --nodes 5 --managers 3
  lab cluster up --bare                  # nodes without a swarm: you make it yourself"
)]
pub struct Args {
    /// Nodes in all
    #[arg(long, default_value_t = 3)]
    nodes: u32,
    /// How many of them are managers
    #[arg(long, default_value_t = 1)]
    managers: u32,
    /// Stop before `docker swarm init`
    #[arg(long)]
    bare: bool,
    /// Publish ports of head on this machine, as HERE:NODE; HERE 0 is any free one; `none` for none. By default 8000, 8001
    /// and 8002, each as itself where it is free here
    #[arg(long, value_name = "HERE:NODE", value_delimiter = ',')]
    publish: Option<Vec<String>>,
    /// Address of this machine that they are published on; 0.0.0.0 lets other machines in
    #[arg(long, default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Release of Debian that nodes are made from: trixie has Docker 26.1, sid a newer one
    #[arg(long, env = "LAB_SUITE", default_value = image::DEFAULT_SUITE)]
    suite: String,
    /// Another image for the nodes in place of that of --suite, such as docker:29-dind
    #[arg(long, env = "LAB_NODE_IMAGE", value_name = "IMAGE")]
    image: Option<String>,
    /// Where Debian's packages come from
    #[arg(long, env = "LAB_MIRROR", default_value = image::MIRROR, value_name = "URL")]
    mirror: String,
    /// Folder that each node sees as /root/swarmlab, read-only; by default the repository that this is run in
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,
    /// One more argument for the nodes' engines; may be given several times
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    dockerd: Vec<String>,
    /// Leave a half-made cluster standing when a step fails
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    cluster: Name,
}

/// Makes the cluster.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let begun = Instant::now();
    let say = |line: &str| {
        let margin = format!("{:5.1} s  ", begun.elapsed().as_secs_f64());
        anstream::eprint!("{}", guide::render::message(&margin, line, crate::commands::guide::style()));
    };
    let given = args.publish.as_deref().map(ports).transpose()?;
    let outer = Outer::connect().await?;
    // A cluster that runs has the ports itself, which is no news of somebody else's.
    up::absent(&outer, &args.cluster.name).await?;
    let publish = given.unwrap_or_else(|| usual(args.bind, &say));
    let here: Vec<u16> = publish.iter().map(|(here, _)| *here).collect();
    for finding in preflight::look(&outer, args.nodes, args.bind, &here).await? {
        if finding.level == Level::Warning {
            say(&format!("{}: {}", finding.what, finding.found));
        }
    }
    let node_image = match args.image {
        Some(image) => image,
        None => image::ensure_node(outer.docker(), &args.suite, &args.mirror, false, &mut |line| say(line)).await?,
    };
    if !image::present(outer.docker(), &node_image).await {
        say(&format!("pulling {node_image}"));
        image::pull(outer.docker(), &node_image).await.with_context(|| format!("cannot pull {node_image}"))?;
    }
    let mut config = up::Config {
        name: args.cluster.name,
        nodes: args.nodes,
        managers: args.managers,
        image: node_image,
        bare: args.bare,
        publish,
        bind: args.bind,
        mounts: mounts(args.repo)?,
        dockerd: args.dockerd,
        keep: args.keep,
    };
    if let Err(error) = up::up(&outer, &config, &say).await {
        if args.publish.is_some() || !lost_a_port(&error) {
            return Err(error);
        }
        say("another program took a port meanwhile: any free ones now; `lab cluster status` shows them");
        config.publish = PORTS.map(|port| (0, port)).to_vec();
        up::up(&outer, &config, &say).await?;
    }
    if config.bare {
        anstream::println!("nodes without a swarm; go on with `lab cluster shell head`");
    } else {
        anstream::println!("ready; go on with `lab cluster status` or `lab cluster shell head`");
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes the cluster away.
pub async fn down(name: &cluster::Name) -> anyhow::Result<ExitCode> {
    let outer = Outer::connect().await?;
    let removed = cluster::down::down(&outer, name).await?;
    if removed == cluster::down::Removed::default() {
        anstream::println!("there is nothing of cluster {name}");
    } else {
        anstream::println!(
            "removed {} nodes, {} networks, {} volumes",
            removed.containers,
            removed.networks,
            removed.volumes
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Ports of the application.
const PORTS: [u16; 3] = [8000, 8001, 8002];

/// Whether a cluster could not be made since somebody else has a port that was free when it was chosen: two clusters that
/// are made at once see the same ones free. The engine says so, or the system in its own words.
fn lost_a_port(error: &anyhow::Error) -> bool {
    let said = format!("{error:#}").to_lowercase();
    ["port is already allocated", "address already in use"].iter().any(|words| said.contains(words))
}

/// The ports of the application, each as itself where it is free: another cluster on this machine may have it.
fn usual(bind: IpAddr, say: &dyn Fn(&str)) -> Vec<(u16, u16)> {
    let one = |port: u16| match TcpListener::bind((bind, port)) {
        Ok(_) => (port, port),
        Err(_) => {
            say(&format!("port {port} is taken here; `lab cluster status` shows where that of head is"));
            (0, port)
        }
    };
    PORTS.map(one).to_vec()
}

/// Reads `HERE:NODE` pairs.
fn ports(pairs: &[String]) -> anyhow::Result<Vec<(u16, u16)>> {
    if pairs.len() == 1 && pairs[0] == "none" {
        return Ok(Vec::new());
    }
    pairs
        .iter()
        .map(|pair| {
            let parsed = pair.split_once(':').map(|(here, node)| (here.parse(), node.parse()));
            match parsed {
                Some((Ok(here), Ok(node))) if node != 0 => Ok((here, node)),
                _ => bail!("--publish {pair}: give a port here and one of head, as 8000:8000 or 0:8000"),
            }
        })
        .collect()
}

/// What each node sees of this machine: the repository, and the folder of this program with its companions.
fn mounts(repo: Option<PathBuf>) -> anyhow::Result<Vec<(PathBuf, String, bool)>> {
    let mut mounts = Vec::new();
    let repo = match repo {
        Some(folder) => Some(folder.canonicalize().with_context(|| format!("--repo {}", folder.display()))?),
        None => repository(&std::env::current_dir()?),
    };
    // Read-only: root of a node is root of this machine, and a slip in a lab must not reach the student's own tree.
    mounts.extend(repo.map(|folder| (folder, cluster::REPOSITORY.to_owned(), false)));
    if let Some(folder) = std::env::current_exe()?.parent() {
        mounts.push((folder.to_owned(), "/opt/swarmlab/bin".to_owned(), false));
    }
    Ok(mounts)
}

/// The nearest folder upwards that has the stack file in it.
fn repository(from: &Path) -> Option<PathBuf> {
    from.ancestors().find(|folder| folder.join("compose/stack.yml").is_file()).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{lost_a_port, ports};

    #[test]
    fn a_port_that_was_lost_is_told_from_other_trouble() {
        let bind = anyhow::anyhow!("Bind for 127.0.0.1:8002 failed: port is already allocated");
        assert!(lost_a_port(&bind.context("cannot start the container of a node")));
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let system = std::net::TcpListener::bind(taken.local_addr().unwrap()).unwrap_err();
        assert!(lost_a_port(&anyhow::anyhow!("this machine is not ready\nport: 8000 cannot be used: {system}")));
        assert!(!lost_a_port(&anyhow::anyhow!("cluster x is there already")));
    }

    #[test]
    fn ports_are_pairs() {
        let read = |pairs: &[&str]| ports(&pairs.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(read(&["8000:80", "0:8001"]).unwrap(), [(8000, 80), (0, 8001)]);
        assert_eq!(read(&["none"]).unwrap(), []);
        for wrong in ["8000", "x:80", "80:0", "99999:80"] {
            assert!(read(&[wrong]).unwrap_err().to_string().contains("--publish"), "{wrong}");
        }
    }
}
