//! From nothing, and to nothing.

use std::path::Path;

use anyhow::{Result, ensure};
use cluster::label;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use swarm::bollard::query_parameters::ListVolumesOptionsBuilder;

use crate::world::{CLUSTER, World, bridges};

/// One command makes three nodes Ready; a cluster left over from a crash is no obstacle to the test.
pub fn up(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        world.lab_ok(&["images", "build"]).await?;
        world.lab_ok(&["cluster", "image"]).await?;
        world.lab_ok(&["cluster", "down", "--name", CLUSTER]).await?;
        let begun = std::time::Instant::now();
        world.lab_ok(&["cluster", "up", "--name", CLUSTER, "--publish", "0:8000,0:8001,0:8002"]).await?;
        let took = begun.elapsed().as_secs_f64();
        world.bridges = bridges(&world.outer).await?;
        ensure!(world.bridges.len() == 2, "{:?}", world.bridges);
        let nodes = world.swarm().await?.nodes().await?;
        let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
        ensure!(names == ["head", "worker-1", "worker-2"], "{names:?}");
        ensure!(nodes.iter().all(|node| node.ready), "{nodes:?}");
        let status = world.status().await?;
        let private: Vec<_> = status.nodes.iter().filter_map(|node| node.private.clone()).collect();
        let addresses: Vec<_> = nodes.iter().map(|node| node.address.clone()).collect();
        ensure!(private == addresses, "Swarm uses {addresses:?}, and the private addresses are {private:?}");
        let eth1 = world.on("worker-1", "ip -4 -o addr show eth1").await?;
        ensure!(eth1.contains(&private[1]), "eth1 of worker-1 has {eth1}");
        Ok(format!("3 nodes Ready {took:.1} s after `lab cluster up` (20 s wanted)"))
    }
    .boxed()
}

/// Two clusters that are made at once get networks and ports of their own.
pub fn at_once(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let names = ["e2e-one", "e2e-two"];
        let up = names.map(|name| ["cluster", "up", "--bare", "--nodes", "1", "--name", name]);
        let (one, two) = futures_util::future::join(world.lab(&up[0]), world.lab(&up[1])).await;
        let (mut subnets, mut ports) = (Vec::new(), Vec::new());
        for name in names {
            // One that was not made has no status; why it was not is told below.
            for node in cluster::status::status(&world.outer, name).await.map(|status| status.nodes).unwrap_or_default()
            {
                subnets.extend([node.public, node.private].into_iter().flatten());
                ports.extend(node.ports.into_values().flatten());
            }
            world.lab_ok(&["cluster", "down", "--name", name]).await?;
        }
        let (one, two) = (one?, two?);
        ensure!(one.well && two.well, "{}\n{}", one.text, two.text);
        for all in [&mut subnets, &mut ports] {
            let before = all.len();
            all.sort();
            all.dedup();
            ensure!(all.len() == before && before >= 4, "{all:?}");
        }
        Ok(format!("addresses {}, ports {}", subnets.join(", "), ports.join(", ")))
    }
    .boxed()
}

/// One command leaves nothing behind.
pub fn down(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let begun = std::time::Instant::now();
        world.lab_ok(&["cluster", "down", "--name", CLUSTER]).await?;
        let took = begun.elapsed().as_secs_f64();
        ensure!(world.outer.nodes(Some(CLUSTER)).await?.is_empty(), "containers are left");
        let filter = label::filter(Some(CLUSTER));
        let docker = world.outer.docker();
        ensure!(bridges(&world.outer).await?.is_empty(), "networks are left");
        let options = ListVolumesOptionsBuilder::default().filters(&filter).build();
        let volumes = docker.list_volumes(Some(options)).await?.volumes.unwrap_or_default();
        ensure!(volumes.is_empty(), "volumes are left: {volumes:?}");
        let left = world.bridges.iter().find(|bridge| Path::new("/sys/class/net").join(bridge).exists());
        ensure!(left.is_none(), "interface {left:?} is left");
        ensure!(!Path::new(cluster::NODE_SOCKETS).join(CLUSTER).exists(), "sockets are left");
        let again = world.lab_ok(&["cluster", "down", "--name", CLUSTER]).await?;
        ensure!(again.contains("nothing of cluster"), "{again}");
        Ok(format!("nothing left {took:.1} s after `lab cluster down` (10 s wanted)"))
    }
    .boxed()
}
