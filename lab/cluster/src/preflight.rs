//! What is looked at before anything is made, and what to type when it is not as it should be.

use std::fs;
use std::net::{IpAddr, TcpListener};
use std::path::Path;

use anyhow::{Result, bail};
use serde::Serialize;
use swarm::kernel::{self, Module};

use crate::Outer;

/// Memory that one node takes with its engine and a share of the application, measured at 120 to 180 MB.
const MEMORY_FOR_A_NODE: u64 = 250 << 20;

/// Disk below which an engine with a few images runs full.
const DISK_WANTED: u64 = 4 << 30;

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Good,
    /// Works, with something to know.
    Warning,
    /// Does not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it is to be taken.
    pub level: Level,
    /// What was looked at, as `memory`.
    pub what: String,
    /// What was found.
    pub found: String,
    /// What to do, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn good(what: &str, found: impl Into<String>) -> Finding {
        Finding { level: Level::Good, what: what.to_owned(), found: found.into(), remedy: None }
    }

    /// Something to know, and what can be done.
    pub fn warning(what: &str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { level: Level::Warning, what: what.to_owned(), found: found.into(), remedy: Some(remedy.into()) }
    }

    /// It will not work, and what is to be done.
    pub fn bad(what: &str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { level: Level::Bad, what: what.to_owned(), found: found.into(), remedy: Some(remedy.into()) }
    }
}

/// Looks at everything that a cluster of so many nodes needs; `publish` are ports on this machine.
pub async fn look(outer: &Outer, nodes: u32, bind: IpAddr, publish: &[u16]) -> Result<Vec<Finding>> {
    let info = outer.docker().info().await?;
    let mut findings = vec![Finding::good(
        "engine",
        format!("{} (API {}) at {}", outer.engine().version(), outer.engine().api(), outer.engine().host()),
    )];
    if info.security_options.iter().flatten().any(|option| option.contains("rootless")) {
        findings.push(Finding::bad(
            "engine",
            "it runs rootless, and engines inside of containers need more",
            "run the cluster on an engine that root started",
        ));
    }
    findings.push(memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), nodes));
    if let Some(root) = info.docker_root_dir.as_deref().filter(|root| Path::new(root).is_dir()) {
        findings.push(disk(Path::new(root)));
    }
    findings.push(inotify(&fs::read_to_string("/proc/sys/fs/inotify/max_user_instances").unwrap_or_default()));
    findings.push(vxlan(kernel::vxlan()));
    findings.push(ipvs(kernel::ipvs()));
    findings.extend(publish.iter().filter(|port| **port != 0).map(|port| published(bind, *port)));
    Ok(findings)
}

/// Fails when a finding is bad, with all bad ones and their remedies.
///
/// # Errors
/// When one is bad.
pub fn demand(findings: &[Finding]) -> Result<()> {
    let bad: Vec<String> = findings
        .iter()
        .filter(|finding| finding.level == Level::Bad)
        .map(|finding| {
            format!("{}: {}\n  {}", finding.what, finding.found, finding.remedy.as_deref().unwrap_or_default())
        })
        .collect();
    if bad.is_empty() {
        return Ok(());
    }
    bail!("this machine is not ready\n{}", bad.join("\n"))
}

/// Memory that is left, against what the nodes take.
pub fn memory(meminfo: &str, nodes: u32) -> Finding {
    let available = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .map(|kilobytes| kilobytes << 10);
    let Some(available) = available else {
        return Finding::warning("memory", "unknown", "expect 250 MB for each node");
    };
    let wanted = MEMORY_FOR_A_NODE * u64::from(nodes);
    let found = format!("{} MB available, about {} MB wanted for {nodes} nodes", available >> 20, wanted >> 20);
    if available >= wanted {
        Finding::good("memory", found)
    } else if available >= wanted / 2 {
        Finding::warning("memory", found, "close programs, or make fewer nodes with --nodes")
    } else {
        Finding::bad("memory", found, "close programs, or make fewer nodes with --nodes")
    }
}

/// Room where the engine keeps images and volumes.
pub fn disk(root: &Path) -> Finding {
    let Ok(room) = rustix::fs::statvfs(root) else {
        return Finding::warning("disk", format!("cannot tell for {}", root.display()), "see `df`");
    };
    let free = room.f_bavail * room.f_frsize;
    let found = format!("{} MB free under {}", free >> 20, root.display());
    let remedy = "remove what is not needed with `docker system prune`, or move the engine's data-root";
    if free >= DISK_WANTED {
        Finding::good("disk", found)
    } else if free >= DISK_WANTED / 4 {
        Finding::warning("disk", found, remedy)
    } else {
        Finding::bad("disk", found, remedy)
    }
}

/// Watches on files: each engine, containerd and many programs want one of the user's few instances.
pub fn inotify(limit: &str) -> Finding {
    match limit.trim().parse::<u64>() {
        Ok(limit) if limit >= 128 => Finding::good("inotify", format!("{limit} instances a user")),
        Ok(limit) => Finding::warning(
            "inotify",
            format!("only {limit} instances a user"),
            "sudo sysctl fs.inotify.max_user_instances=512",
        ),
        Err(_) => Finding::good("inotify", "no limit is known"),
    }
}

/// Whether overlay networks can work.
pub fn vxlan(module: Module) -> Finding {
    match module {
        Module::Present => Finding::good("vxlan", "the kernel has it: overlay networks work"),
        Module::Loadable => Finding::good("vxlan", "a module, loaded on first use"),
        Module::Missing => Finding::warning(
            "vxlan",
            "no sign of it in this kernel; without it there are no overlay networks",
            "sudo modprobe vxlan, or a kernel with CONFIG_VXLAN",
        ),
    }
}

/// Whether virtual IPs and the routing mesh can work.
pub fn ipvs(module: Module) -> Finding {
    match module {
        Module::Present => Finding::good("ipvs", "the kernel has it: virtual IPs and the routing mesh work"),
        Module::Loadable => Finding::good("ipvs", "a module, loaded on first use (or by `sudo modprobe ip_vs`)"),
        Module::Missing => Finding::warning(
            "ipvs",
            "this kernel has none: connections to a virtual IP hang, and ports of the routing mesh refuse",
            "deploy compose/stack.dnsrr.yml instead of compose/stack.yml; docs/swarm-facts.md says why",
        ),
    }
}

fn published(bind: IpAddr, port: u16) -> Finding {
    match TcpListener::bind((bind, port)) {
        Ok(_) => Finding::good("port", format!("{bind}:{port} is free")),
        Err(error) => Finding::bad(
            "port",
            format!("{bind}:{port} cannot be used: {error}"),
            format!("stop what uses it (`ss -ltnp 'sport = :{port}'`), or choose others: --publish 0:{port}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_judged_by_the_number_of_nodes() {
        let meminfo = "MemTotal: 4000000 kB\nMemAvailable: 1000000 kB\n";
        assert_eq!(memory(meminfo, 3).level, Level::Good);
        assert_eq!(memory(meminfo, 6).level, Level::Warning);
        assert_eq!(memory(meminfo, 20).level, Level::Bad);
        assert_eq!(memory("", 3).level, Level::Warning);
    }

    #[test]
    fn a_taken_port_is_bad_and_the_remedy_names_a_flag() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let finding = published(address.ip(), address.port());
        assert_eq!(finding.level, Level::Bad);
        let error = demand(&[finding]).unwrap_err().to_string();
        assert!(error.contains("--publish 0:"), "{error}");
        drop(taken);
        assert_eq!(published(address.ip(), address.port()).level, Level::Good);
    }

    #[test]
    fn a_kernel_without_ipvs_is_a_warning_that_names_the_variant() {
        let finding = ipvs(Module::Missing);
        assert_eq!(finding.level, Level::Warning);
        assert!(finding.remedy.unwrap().contains("stack.dnsrr.yml"));
        assert!(demand(&[ipvs(Module::Missing)]).is_ok());
    }

    #[test]
    fn few_inotify_instances_come_with_the_command() {
        assert!(inotify("64\n").remedy.unwrap().contains("sysctl"));
        assert_eq!(inotify("8192\n").level, Level::Good);
    }
}
