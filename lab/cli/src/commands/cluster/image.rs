//! The image of the nodes.

use std::process::ExitCode;

use cluster::{Outer, image};

/// Make the image of the nodes: once, and then it is kept
#[derive(Debug, clap::Args)]
#[command(after_help = "The image stands on debian:SUITE-slim where that can be pulled, and otherwise on one made with
debootstrap, which needs root and the package debootstrap.")]
pub struct Args {
    /// Release of Debian: trixie has Docker 26.1, sid a newer one
    #[arg(long, env = "LAB_SUITE", default_value = image::DEFAULT_SUITE)]
    suite: String,
    /// Make it again though it is there
    #[arg(long)]
    rebuild: bool,
    /// Where Debian's packages come from
    #[arg(long, env = "LAB_MIRROR", default_value = image::MIRROR, value_name = "URL")]
    mirror: String,
}

/// Makes the image.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let outer = Outer::connect().await?;
    let mut say = |line: &str| anstream::eprintln!("{line}");
    let name = image::ensure_node(outer.docker(), &args.suite, &args.mirror, args.rebuild, &mut say).await?;
    anstream::println!("{name}");
    Ok(ExitCode::SUCCESS)
}
