//! What is so on this Swarm, and the commands that follow from it.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use swarm::kernel::{self, Module};

use crate::lab::{Commands, Only, Part};
use crate::place::{Node, Place};

/// What placeholders stand for, and which of the variants is for this Swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether virtual IPs and the routing mesh work.
    pub ipvs: bool,
    /// Whether the nodes are containers on this machine.
    pub cluster: bool,
    values: BTreeMap<String, String>,
}

/// What stands for a token that only the swarm knows, until there is one.
const NO_TOKEN: &str = "THE-TOKEN-THAT-INIT-PRINTS";

/// Words of Docker's own templates that look like a placeholder.
const TEMPLATE_WORDS: [&str; 3] = ["println", "end", "else"];

impl Facts {
    /// Looks around.
    ///
    /// # Errors
    /// When the nodes cannot be listed.
    pub async fn gather(place: &Place) -> Result<Facts> {
        let nodes = place.nodes().await?;
        // Nodes that are containers share this machine's kernel, and on machines of their own this is one of them.
        let mut facts = Facts::of(kernel::ipvs() != Module::Missing, place.cluster(), &nodes);
        if let Place::Cluster { outer, name } = place {
            let status = cluster::status::status(outer, name).await?;
            for (port, here) in status.nodes.iter().flat_map(|node| &node.ports) {
                here.first().into_iter().for_each(|here| facts.set(&format!("here.{port}"), here));
            }
        }
        if let Place::Machines { .. } = place
            && let Ok(swarm) = place.swarm().await
        {
            facts.members(&nodes, &swarm.nodes().await.unwrap_or_default());
        }
        let look = "test -x target/images/rng && echo yes; docker swarm join-token -q worker 2>/dev/null; \
                    ip -4 -o addr show";
        let said = place.run("head", look).await.map(|output| output.stdout).unwrap_or_default();
        if said.starts_with("yes") {
            facts.set("binaries", "--build-context binaries=target/images");
        }
        if let Some(token) = said.lines().find(|line| line.starts_with("SWMTKN")) {
            facts.set("worker-token", token);
        }
        if let Some(interface) = nodes.first().and_then(|head| interface(&said, &head.private)) {
            facts.set("private.interface", interface);
        }
        Ok(facts)
    }

    /// The facts of nodes that are known already.
    pub fn of(ipvs: bool, cluster: Option<&str>, nodes: &[Node]) -> Facts {
        let mut facts = Facts { ipvs, cluster: cluster.is_some(), values: BTreeMap::new() };
        for node in nodes {
            facts.set(&node.name, &node.name);
            // What `docker node ls` calls it; a machine's host name may be longer than ours for it.
            facts.set(&format!("{}.node", node.name), &node.name);
            facts.set(&format!("{}.private", node.name), &node.private);
            facts.set(&format!("{}.public", node.name), &node.public);
        }
        for port in [8000, 8001, 8002] {
            // On machines: of head itself, and of whoever logged in to it with `ssh -L 8000:127.0.0.1:8000`. The routing mesh does not answer at
            // `::1`, which `localhost` may be: before 29.8 the engine takes the connection there, and leaves it.
            facts.set(&format!("here.{port}"), &format!("127.0.0.1:{port}"));
        }
        facts.set("cluster", cluster.unwrap_or_default());
        facts.set("dnsrr", if ipvs { "" } else { "--endpoint-mode dnsrr" });
        facts.set("stack", if ipvs { "stack.yml" } else { "stack.dnsrr.yml" });
        facts.set("mesh", if ipvs { "" } else { "mesh" });
        // Without programs that are there already all of them are compiled together, once for all images.
        facts.set("binaries", "--build-arg PROGRAMS=\"$(cat compose/programs)\"");
        facts.set("worker-token", NO_TOKEN);
        facts.set("private.interface", "eth1");
        facts
    }

    /// Takes the names that the swarm has for our nodes, which are known by their addresses.
    fn members(&mut self, nodes: &[Node], members: &[swarm::Node]) {
        for node in nodes {
            if let Some(member) = members.iter().find(|member| member.address == node.private) {
                self.set(&format!("{}.node", node.name), &member.name);
            }
        }
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.to_owned());
    }

    /// Whether a block is for this Swarm.
    pub fn applies(&self, commands: &Commands) -> bool {
        self.holds(&commands.only)
    }

    /// Whether all of these conditions hold.
    pub fn holds(&self, only: &[Only]) -> bool {
        only.iter().all(|only| match only {
            Only::Ipvs => self.ipvs,
            Only::NoIpvs => !self.ipvs,
            Only::Cluster => self.cluster,
            Only::Machines => !self.cluster,
        })
    }

    /// Fills placeholders in.
    ///
    /// # Errors
    /// When one is unknown.
    pub fn fill(&self, text: &str) -> Result<String> {
        let mut filled = String::new();
        let mut rest = text;
        // What Docker's own templates have between braces is left alone.
        while let Some(begin) = rest.find("{{") {
            let (before, after) = rest.split_at(begin);
            let Some(end) = after.find("}}") else { break };
            filled.push_str(before);
            let name = &after[2..end];
            if name.starts_with('.') || name.contains(' ') || TEMPLATE_WORDS.contains(&name) {
                filled.push_str(&after[..end + 2]);
            } else {
                let Some(value) = self.values.get(name) else { bail!("there is no placeholder {{{{{name}}}}}") };
                filled.push_str(value);
                // Where there is nothing between two words, one blank is enough.
                let next = after[end + 2..].chars().next();
                if value.is_empty() && next.is_none_or(|next| next == ';' || next.is_whitespace()) {
                    let words = filled.strip_suffix(' ').map_or(0, |words| words.trim_end().len());
                    if words + 1 == filled.len() {
                        filled.truncate(words);
                    }
                }
            }
            rest = &after[end + 2..];
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn filled(&self, commands: &Commands) -> Result<Commands> {
        Ok(Commands { script: self.fill(&commands.script)?, ..commands.clone() })
    }

    /// The parts that are for this Swarm, filled in. A text that begins with `With IPVS:` or `Without IPVS:` is for one.
    ///
    /// # Errors
    /// When a placeholder is unknown.
    pub fn parts(&self, parts: &[Part]) -> Result<Vec<Part>> {
        let mut ours = Vec::new();
        for part in parts {
            match part {
                Part::Text(text) => ours.push(Part::Text(self.text(text)?)),
                Part::Commands(commands) if self.applies(commands) => {
                    ours.push(Part::Commands(self.filled(commands)?));
                }
                Part::Answer(commands) if self.applies(commands) => ours.push(Part::Answer(self.filled(commands)?)),
                Part::Commands(_) | Part::Answer(_) => {}
            }
        }
        ours.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(ours)
    }

    /// A text with the paragraphs that are for this Swarm, filled in.
    ///
    /// # Errors
    /// When a placeholder is unknown.
    pub fn text(&self, text: &str) -> Result<String> {
        let paragraphs = text.split("\n\n").filter(|paragraph| {
            let has = |words: &str| paragraph.starts_with(words);
            !(has("With IPVS:") && !self.ipvs
                || has("Without IPVS:") && self.ipvs
                || has("On a cluster:") && !self.cluster
                || has("On machines:") && self.cluster)
        });
        self.fill(&paragraphs.collect::<Vec<_>>().join("\n\n"))
    }
}

/// The interface that has an address, in what `ip -4 -o addr` prints.
fn interface<'a>(said: &'a str, address: &str) -> Option<&'a str> {
    said.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let name = words.next()?;
        words.any(|word| word.split('/').next() == Some(address)).then_some(name)
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::lab::On;

    pub(crate) fn facts(ipvs: bool) -> Facts {
        let node = |name: &str, last: u8| Node {
            name: name.to_owned(),
            private: format!("192.168.2.{last}"),
            public: format!("192.168.1.{last}"),
            running: true,
        };
        Facts::of(ipvs, Some("swarmlab"), &[node("head", 11), node("worker-1", 12), node("worker-2", 13)])
    }

    #[test]
    fn placeholders_are_filled_and_dockers_templates_kept() {
        let facts = facts(false);
        let filled = facts.fill("join {{head.private}}:7777 {{dnsrr}} --format '{{.Names}}' '{{json .}}' }}").unwrap();
        assert_eq!(filled, "join 192.168.2.11:7777 --endpoint-mode dnsrr --format '{{.Names}}' '{{json .}}' }}");
        // With IPVS these two stand for nothing, and a blank goes with them.
        let shown = "for NAME in web {{mesh}}; do\n  create {{dnsrr}} web\n  {{dnsrr}} --quiet {{mesh}}\n";
        let filled = super::tests::facts(true).fill(shown).unwrap();
        assert_eq!(filled, "for NAME in web; do\n  create web\n   --quiet\n");
        assert!(facts.fill("{{nonsuch}}").unwrap_err().to_string().contains("{{nonsuch}}"));
    }

    #[test]
    fn a_node_is_called_as_the_swarm_calls_it() {
        let node = |name: &str, last: u8| Node {
            name: name.to_owned(),
            private: format!("192.168.77.{last}"),
            public: String::new(),
            running: true,
        };
        let nodes = [node("head", 1), node("worker-1", 2)];
        let member = swarm::Node {
            id: "n2".to_owned(),
            name: "worker-1.lab.class.example.us".to_owned(),
            address: "192.168.77.2".to_owned(),
            manager: false,
            leader: false,
            ready: true,
            state: "ready".to_owned(),
            availability: "active".to_owned(),
            engine: String::new(),
            cpus: 2,
            memory_bytes: 1 << 30,
            machine: None,
        };
        let mut facts = Facts::of(true, None, &nodes);
        facts.members(&nodes, &[member]);
        assert_eq!(facts.fill("{{head.node}} {{worker-1.node}}").unwrap(), "head worker-1.lab.class.example.us");
    }

    #[test]
    fn each_swarm_gets_its_variant() {
        let block =
            |only| Part::Commands(Commands { on: On::Here, only: vec![only], may_fail: false, script: "x".to_owned() });
        let parts = [block(Only::Ipvs), block(Only::NoIpvs), Part::Text("Without IPVS: slow.\n\nAll.".to_owned())];
        assert_eq!(facts(true).parts(&parts).unwrap(), [block(Only::Ipvs), Part::Text("All.".to_owned())]);
        let without = facts(false).parts(&parts).unwrap();
        assert_eq!(without, [block(Only::NoIpvs), Part::Text("Without IPVS: slow.\n\nAll.".to_owned())]);
    }

    #[test]
    fn the_interface_is_found_by_its_address() {
        let said = "1: lo    inet 127.0.0.1/8 scope host lo\n7: eth1    inet 192.168.2.11/24 brd 192.168.2.255\n";
        assert_eq!(interface(said, "192.168.2.11"), Some("eth1"));
        assert_eq!(interface(said, "192.168.2.1"), None);
    }
}
