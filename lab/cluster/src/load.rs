//! Carrying images from this machine's engine into the nodes', without a registry.

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use swarm::bollard::Docker;
use swarm::bollard::query_parameters::ImportImageOptionsBuilder;

use crate::image::present;
use crate::{Outer, REPOSITORY, node_engine};

/// Loads images into the named nodes, or into all that run. Returns the names of the nodes.
///
/// # Errors
/// When an image is not here, or a node does not take it.
pub async fn load(outer: &Outer, cluster: &str, images: &[String], nodes: &[String]) -> Result<Vec<String>> {
    for image in images {
        if !present(outer.docker(), image).await {
            bail!(
                "there is no image {image} on this machine\n  see `docker images`; `lab images build` makes the lab's own"
            );
        }
    }
    let running = outer.existing(cluster).await?.into_iter().filter(|node| node.state == "running");
    let running: Vec<String> = running.map(|node| node.node).collect();
    if let Some(missing) = nodes.iter().find(|node| !running.contains(node)) {
        bail!("no node {missing} runs in cluster {cluster}\n  these run: {}", running.join(", "));
    }
    let targets = if nodes.is_empty() { running } else { nodes.to_vec() };
    try_join_all(targets.iter().map(|node| load_one(outer, cluster, images, node))).await?;
    Ok(targets)
}

async fn load_one(outer: &Outer, cluster: &str, images: &[String], node: &str) -> Result<()> {
    let engine = node_engine(cluster, node).await?;
    carry(outer.docker(), engine.docker(), images).await.with_context(|| format!("cannot load into {node}"))
}

/// Makes sure that all running nodes have these images: those that lack one get it from this machine's engine, or from
/// another node.
///
/// # Errors
/// When none of them has an image.
pub async fn spread(outer: &Outer, cluster: &str, images: &[&str]) -> Result<()> {
    let mut engines = Vec::new();
    for node in outer.existing(cluster).await?.iter().filter(|node| node.state == "running") {
        engines.push((node.node.clone(), node_engine(cluster, &node.node).await?));
    }
    for image in images {
        let mut source = present(outer.docker(), image).await.then(|| outer.docker().clone());
        let mut lacking = Vec::new();
        for (name, engine) in &engines {
            if !present(engine.docker(), image).await {
                lacking.push((name, engine));
            } else if source.is_none() {
                source = Some(engine.docker().clone());
            }
        }
        if lacking.is_empty() {
            continue;
        }
        let Some(source) = source else {
            bail!(
                "neither this machine nor a node has the image {image}\n  `lab images build` makes registry:2; mesh is built on a node \
                 from the tree: `sh compose/binaries.sh`, then `lab cluster exec --name {cluster} head -- sh -c 'cd {REPOSITORY} && docker \
                 build -f compose/Dockerfile --target mesh --build-context binaries=target/images -t {image} .'`"
            );
        };
        let names = [(*image).to_owned()];
        try_join_all(lacking.iter().map(|(name, engine)| {
            let (source, names) = (&source, &names);
            async move {
                let carried = carry(source, engine.docker(), names).await;
                carried.with_context(|| format!("cannot load {image} into {name}"))
            }
        }))
        .await?;
    }
    Ok(())
}

/// Streams images from one engine into another.
async fn carry(from: &Docker, to: &Docker, images: &[String]) -> Result<()> {
    let names: Vec<String> = images.to_vec();
    let from = from.clone();
    // The archive is piped through a channel, because the client borrows the names for as long as it streams.
    let (sender, receiver) = tokio::sync::mpsc::channel(16);
    let export = async move {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut pieces = std::pin::pin!(from.export_images(&names));
        while let Some(piece) = pieces.next().await {
            if sender.send(piece.map_err(std::io::Error::other)).await.is_err() {
                break;
            }
        }
    };
    let body = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    });
    let import = async {
        let options = ImportImageOptionsBuilder::default().quiet(true).build();
        let mut steps = std::pin::pin!(to.import_image_stream(options, body, None));
        while let Some(step) = steps.next().await {
            if let Some(error) = step?.error_detail.and_then(|detail| detail.message) {
                bail!("the engine does not take {}: {error}", images.join(", "));
            }
        }
        Ok(())
    };
    tokio::join!(export, import).1
}
