//! The labels by which everything that belongs to a cluster is found again.

use std::collections::HashMap;

/// The cluster's name, on containers, networks and volumes.
pub const CLUSTER: &str = "org.swarmlab.cluster";
/// The node's name, on its container and volume.
pub const NODE: &str = "org.swarmlab.node";
/// `manager`, `worker`, or `bare` before there is a Swarm.
pub const ROLE: &str = "org.swarmlab.role";
/// `public` or `private`, on the networks.
pub const NETWORK: &str = "org.swarmlab.network";

/// The labels of something that belongs to the whole cluster.
pub fn of(cluster: &str, more: &[(&str, &str)]) -> HashMap<String, String> {
    let mut labels = HashMap::from([(CLUSTER.to_owned(), cluster.to_owned())]);
    labels.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    labels
}

/// A filter for everything of one cluster, or of all.
pub fn filter(cluster: Option<&str>) -> HashMap<String, Vec<String>> {
    let label = cluster.map_or_else(|| CLUSTER.to_owned(), |name| format!("{CLUSTER}={name}"));
    HashMap::from([("label".to_owned(), vec![label])])
}
