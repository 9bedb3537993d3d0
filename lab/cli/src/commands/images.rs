//! The images that the labs use.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use cluster::{DEFAULT_NAME, Outer, image, standin};

/// Get the public images that the labs use, also where no public registry is reachable
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Where no public registry is reachable, the images are built from Debian's packages under the same
names. For a class without internet: `lab images build --labs && lab images save --labs class.tar`
where it can be reached, and `lab images load class.tar` on each machine; `lab cluster up` needs
nothing more there.

Examples:
  lab images build
  lab images build --labs
  lab images save --labs class.tar"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pull the public images, or build stand-ins from Debian's packages where they cannot be pulled
    Build(Build),
    /// Write images into a file: those that the labs use, and more by name
    Save(Save),
    /// Read images from a file, into this machine's engine or a cluster's nodes
    Load(Load),
    /// List the images that the labs use and that of the nodes, and whether they are here
    List,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Source {
    /// Public images where they can be pulled, stand-ins otherwise
    Either,
    /// Public images only
    Public,
    /// Stand-ins from Debian's packages only
    Packages,
}

#[derive(Debug, clap::Args)]
struct Build {
    /// Where from
    #[arg(long, value_enum, default_value = "either")]
    from: Source,
    /// Make them again though they are there
    #[arg(long)]
    rebuild: bool,
    /// Also those that the labs bring along (a database, a balancer, a git server and others), and that of the nodes
    #[arg(long)]
    labs: bool,
    /// Where Debian's packages come from; Consul's, of Debian 11, always from deb.debian.org
    #[arg(long, env = "LAB_MIRROR", default_value = image::MIRROR, value_name = "URL")]
    mirror: String,
}

#[derive(Debug, clap::Args)]
struct Save {
    /// The file
    file: PathBuf,
    /// More images, besides the public ones that the labs use
    images: Vec<String>,
    /// Also those that the labs bring along, and that of the nodes
    #[arg(long)]
    labs: bool,
}

#[derive(Debug, clap::Args)]
struct Load {
    /// The file
    file: PathBuf,
    /// Into all running nodes of this cluster
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = DEFAULT_NAME)]
    cluster: Option<cluster::Name>,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let outer = Outer::connect().await?;
    let docker = outer.docker();
    let mut say = |line: &str| anstream::eprintln!("{line}");
    match args.command {
        Command::Build(args) => {
            let from = match args.from {
                Source::Either => standin::From::Either,
                Source::Public => standin::From::Public,
                Source::Packages => standin::From::Packages,
            };
            let mut names = standin::ensure(docker, from, args.rebuild, &args.mirror, &mut say).await?;
            if args.labs {
                let (suite, mirror) = (image::DEFAULT_SUITE, &args.mirror);
                names.push(image::ensure_node(docker, suite, mirror, args.rebuild, &mut say).await?);
                let say = |line: &str| anstream::eprintln!("{line}");
                names.extend(guide::images::build_ours(docker, mirror, &say).await?);
            }
            anstream::println!("{}", names.join("\n"));
        }
        Command::Save(args) => {
            let mut images = names(args.labs)?;
            images.extend(args.images);
            let size = standin::save(docker, &images, &args.file).await?;
            anstream::println!("{}: {} images, {} MB", args.file.display(), images.len(), size >> 20);
        }
        Command::Load(args) => match args.cluster {
            None => {
                for line in standin::load(docker, &args.file).await? {
                    anstream::println!("{line}");
                }
            }
            Some(cluster) => {
                for node in outer.existing(&cluster).await?.iter().filter(|node| node.state == "running") {
                    let engine = cluster::node_engine(&cluster, &node.node).await?;
                    standin::load(engine.docker(), &args.file).await?;
                    anstream::println!("{}: loaded", node.node);
                }
            }
        },
        Command::List => {
            for name in names(true)? {
                let here = if image::present(docker, &name).await { "here" } else { "missing" };
                anstream::println!("{name:<26} {here}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The public images that the labs use; with `labs` also that of the nodes and those that the labs bring along, which is
/// all that machines without internet need.
fn names(labs: bool) -> anyhow::Result<Vec<String>> {
    let mut names = standin::IMAGES.map(|(name, _)| name.to_owned()).to_vec();
    if labs {
        names.push(image::node_image(image::DEFAULT_SUITE));
        names.extend(guide::images::ours()?);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_class_without_internet_loads_has_the_image_of_the_nodes() {
        let node = image::node_image(image::DEFAULT_SUITE);
        let (public, all) = (names(false).unwrap(), names(true).unwrap());
        assert!(all.starts_with(&public) && all.contains(&node), "{all:?}");
        assert!(all.iter().any(|name| name.starts_with("lab/")), "{all:?}");
        assert_eq!(public, standin::IMAGES.map(|(name, _)| name));
    }
}
