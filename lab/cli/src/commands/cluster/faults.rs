//! Faults, and what mends them.

use std::process::ExitCode;

use cluster::Outer;

use super::Node;

/// What is done to a node.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    Stop,
    Start,
    Pause,
    Unpause,
    Partition,
    Heal,
}

/// Does it, and says what to expect: Swarm takes its time to notice.
pub async fn inflict(fault: Fault, node: &Node) -> anyhow::Result<ExitCode> {
    let outer = Outer::connect().await?;
    let (cluster, name) = (&*node.cluster.name, node.node.as_str());
    let said = match fault {
        Fault::Stop => {
            outer.stop(cluster, name).await?;
            "is stopped; the managers notice within about 15 s"
        }
        Fault::Start => {
            outer.start(cluster, name).await?;
            "is started; it is Ready again in a few seconds"
        }
        Fault::Pause => {
            outer.pause(cluster, name).await?;
            "is frozen; the managers notice within about 15 s"
        }
        Fault::Unpause => {
            outer.unpause(cluster, name).await?;
            "goes on"
        }
        Fault::Partition => {
            outer.partition(cluster, name).await?;
            "is cut off from the private network; the managers notice within about 15 s"
        }
        Fault::Heal => {
            outer.heal(cluster, name).await?;
            "is on the private network"
        }
    };
    anstream::println!("{name} {said}");
    Ok(ExitCode::SUCCESS)
}
