//! What a lab, a step or a beginning needs of the nodes, and the reason for skipping it where they lack it.

use anyhow::Result;
use swarm::kernel::{self, Module};

use crate::facts::Facts;
use crate::place::Place;

/// One thing that a machine may lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// A kernel with IPVS: virtual IPs and the routing mesh.
    Ipvs,
    /// A kernel that mounts NFS.
    Nfs,
    /// A graphics processor that containers can use.
    Gpu,
    /// So many nodes.
    Nodes(usize),
    /// Nodes that are containers on this machine.
    Cluster,
    /// Nodes that are machines of their own.
    Machines,
    /// An image that head has, or that can be pulled there.
    Image(String),
    /// A program on head.
    Program(String),
}

/// What needs look like in a lab.
pub const FORM: &str = "ipvs, nfs, gpu, cluster, machines, `nodes 3`, `image NAME:TAG` or `program NAME`";

impl Need {
    /// Reads what stands between commas behind `- Needs: `.
    pub fn list(text: &str) -> Result<Vec<Need>, String> {
        text.trim_end_matches('.').split(',').map(|word| Need::read(word.trim())).collect()
    }

    fn read(text: &str) -> Result<Need, String> {
        Ok(match text.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["ipvs"] => Need::Ipvs,
            ["nfs"] => Need::Nfs,
            ["gpu"] => Need::Gpu,
            ["cluster"] => Need::Cluster,
            ["machines"] => Need::Machines,
            ["nodes", n] => Need::Nodes(n.parse().map_err(|_| format!("`{text}`: nodes is followed by a number"))?),
            ["image", name] => Need::Image((*name).to_owned()),
            ["program", name] => Need::Program((*name).to_owned()),
            _ => return Err(format!("`{text}` is none of {FORM}")),
        })
    }

    /// Why it is not met; nothing where it is.
    ///
    /// # Errors
    /// When the nodes cannot be asked.
    pub async fn lacking(&self, place: &Place, facts: &Facts) -> Result<Option<String>> {
        let on_head = async |script: &str| anyhow::Ok(place.run("head", script).await?.code == 0);
        let (met, reason) = match self {
            Need::Ipvs => (facts.ipvs, "this kernel has no IPVS, so no virtual IPs and no routing mesh".to_owned()),
            Need::Nfs => (
                kernel::nfs() != Module::Missing && on_head("command -v mount.nfs >/dev/null").await?,
                "this kernel or head has no NFS".to_owned(),
            ),
            Need::Gpu => (on_head("test -e /dev/nvidia0").await?, "head has no graphics processor".to_owned()),
            Need::Cluster => (facts.cluster, "the nodes are not containers of `lab cluster`".to_owned()),
            Need::Machines => (!facts.cluster, "the nodes are containers, not machines of their own".to_owned()),
            Need::Nodes(wanted) => {
                let nodes = place.nodes().await?.len();
                (nodes >= *wanted, format!("there are {nodes} nodes, and it needs {wanted}"))
            }
            Need::Image(name) => {
                let look = format!(
                    "docker image inspect {name} >/dev/null 2>&1 || timeout 20 docker pull -q {name} >/dev/null 2>&1"
                );
                (on_head(&look).await?, format!("the image {name} is not on head and cannot be pulled"))
            }
            Need::Program(name) => {
                (on_head(&format!("command -v {name} >/dev/null")).await?, format!("head has no program {name}"))
            }
        };
        Ok((!met).then_some(reason))
    }

    /// The first of them that is not met.
    ///
    /// # Errors
    /// When the nodes cannot be asked.
    pub async fn first_lacking(needs: &[Need], place: &Place, facts: &Facts) -> Result<Option<String>> {
        for need in needs {
            if let Some(reason) = need.lacking(place, facts).await? {
                return Ok(Some(reason));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_are_read_and_unknown_ones_refused() {
        let needs = Need::list("ipvs, nodes 4, image traefik:3.6.1").unwrap();
        assert_eq!(needs, [Need::Ipvs, Need::Nodes(4), Need::Image("traefik:3.6.1".into())]);
        for wrong in ["ipvs6", "nodes", "nodes x", "", "image"] {
            assert!(Need::list(wrong).is_err(), "{wrong}");
        }
    }
}
