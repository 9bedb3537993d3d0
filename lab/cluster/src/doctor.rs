//! What this machine, or this node, has of what a Swarm needs.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;

use anyhow::Result;
use swarm::bollard::models::LocalNodeState;
use swarm::{ApiVersion, Engine, kernel};

use crate::Subnet;
use crate::preflight::{self, Finding};
use crate::subnet;

/// Ports that nodes of a Swarm must reach one another on, and what for.
const PORTS: [(u16, bool, &str); 4] = [
    (2377, true, "managers: joining and control"),
    (7946, true, "gossip"),
    (7946, false, "gossip"),
    (4789, false, "overlay networks (VXLAN)"),
];

/// From where Swarm takes its overlay networks, unless told otherwise.
const OVERLAY_POOL: &str = "10.0.0.0/8";

/// The API version below which Engine 29 refuses clients.
const REFUSED_BELOW: ApiVersion = ApiVersion(1, 44);

/// Looks at everything; `private` is the subnet of the nodes' private network, where it is known.
pub async fn look(private: Option<Subnet>) -> Vec<Finding> {
    let mut findings = match Engine::connect(None).await {
        Ok(engine) => engine_findings(&engine).await.unwrap_or_else(|error| {
            vec![Finding::bad(
                "engine",
                format!("it does not tell its state: {error}"),
                "see its log: `journalctl -u docker`",
            )]
        }),
        Err(error) => {
            let text = error.to_string();
            let (found, remedy) = text.split_once('\n').unwrap_or((&text, ""));
            vec![Finding::bad("engine", found, remedy.trim())]
        }
    };
    findings.push(preflight::ipvs(kernel::ipvs()));
    findings.push(preflight::vxlan(kernel::vxlan()));
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    findings.extend(addresses(&routes, private));
    findings.push(overlap(&subnet::routes(&routes)));
    findings.push(preflight::memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), 3));
    findings
        .push(preflight::inotify(&fs::read_to_string("/proc/sys/fs/inotify/max_user_instances").unwrap_or_default()));
    findings.push(clock());
    findings
}

async fn engine_findings(engine: &Engine) -> Result<Vec<Finding>> {
    let info = engine.docker().info().await?;
    let said = format!("{}, API {}, at {}", engine.version(), engine.api(), engine.host());
    let mut findings = vec![if engine.api() < REFUSED_BELOW {
        Finding::warning(
            "engine",
            format!("{said}: clients of Engine 29 and later refuse to talk to it"),
            "install Docker 25 or later for clients that speak 1.44 and up only",
        )
    } else {
        Finding::good("engine", said)
    }];
    if let Some(oldest) = engine.oldest_api() {
        findings.push(Finding::good("API", format!("clients from version {oldest} on are accepted")));
    }
    let swarm = info.swarm.unwrap_or_default();
    let in_swarm = swarm.local_node_state == Some(LocalNodeState::ACTIVE);
    findings.push(match (in_swarm, swarm.control_available) {
        (true, Some(true)) => {
            Finding::good("swarm", format!("a manager, address {}", swarm.node_addr.unwrap_or_default()))
        }
        (true, _) => Finding::good("swarm", format!("a worker, address {}", swarm.node_addr.unwrap_or_default())),
        (false, _) => Finding::good("swarm", "in none"),
    });
    findings.extend(PORTS.iter().map(|(port, tcp, purpose)| port_finding(*port, *tcp, purpose, in_swarm)));
    if let Some(root) = info.docker_root_dir.as_deref().filter(|root| Path::new(root).is_dir()) {
        findings.push(preflight::disk(Path::new(root)));
    }
    Ok(findings)
}

/// A port is good when it is free, or taken by the engine of a node that is in a Swarm.
fn port_finding(port: u16, tcp: bool, purpose: &str, in_swarm: bool) -> Finding {
    let any = (Ipv4Addr::UNSPECIFIED, port);
    let free = if tcp { TcpListener::bind(any).is_ok() } else { UdpSocket::bind(any).is_ok() };
    let what = format!("port {port}/{}", if tcp { "tcp" } else { "udp" });
    match (free, in_swarm) {
        (true, _) => Finding::good(&what, format!("free; {purpose}")),
        (false, true) => Finding::good(&what, format!("in use by this node; {purpose}")),
        (false, false) => Finding::bad(
            &what,
            format!("taken by another program; {purpose}"),
            format!("see `ss -{}lnp 'sport = :{port}'`, and stop it", if tcp { 't' } else { 'u' }),
        ),
    }
}

/// Addresses in private subnets, and which of them a Swarm should advertise.
fn addresses(routes: &str, private: Option<Subnet>) -> Vec<Finding> {
    let connected = connected(routes);
    let mut findings = Vec::new();
    for (interface, subnet) in &connected {
        let Some(address) = subnet.own() else { continue };
        let chosen = private.is_some_and(|private| private.contains(address));
        let mark = if chosen { "; `docker swarm init --advertise-addr` takes this one" } else { "" };
        findings.push(Finding::good("address", format!("{address} on {interface}, in {subnet}{mark}")));
    }
    if let Some(private) = private
        && !connected.iter().any(|(_, subnet)| subnet.overlaps(private))
    {
        findings.push(Finding::bad(
            "address",
            format!("no interface is in {private}"),
            "see `ip -br address` for the subnets that there are",
        ));
    }
    findings
}

/// Interfaces with the subnets that they are in, from the kernel's table.
fn connected(table: &str) -> Vec<(String, Subnet)> {
    let direct = |line: &&str| line.split_whitespace().nth(2) == Some("00000000");
    let lines = table.lines().skip(1).filter(direct);
    lines
        .filter_map(|line| {
            let interface = line.split_whitespace().next()?.to_owned();
            let subnet = subnet::routes(&format!("heading\n{line}")).pop()?;
            Some((interface, subnet))
        })
        .collect()
}

/// Whether a route of this machine lies where Swarm puts its overlay networks.
fn overlap(routes: &[Subnet]) -> Finding {
    let Ok(pool) = OVERLAY_POOL.parse::<Subnet>() else { return Finding::good("subnets", "unknown") };
    let clash: Vec<String> = routes.iter().filter(|route| route.overlaps(pool)).map(ToString::to_string).collect();
    if clash.is_empty() {
        return Finding::good(
            "subnets",
            format!("no route is in {OVERLAY_POOL}, from which Swarm takes overlay networks"),
        );
    }
    Finding::warning(
        "subnets",
        format!("{} lies in {OVERLAY_POOL}, from which Swarm takes overlay networks", clash.join(", ")),
        "docker swarm init --default-addr-pool 172.30.0.0/16, or another range that is free",
    )
}

/// Certificates of a Swarm are not valid before their time, so clocks must agree.
fn clock() -> Finding {
    let synchronised = Path::new("/run/systemd/timesync/synchronized").exists();
    let daemon = ["chronyd", "ntpd", "ntpsec", "systemd-timesyn"].into_iter().find(|name| runs(name));
    match (synchronised, daemon) {
        (true, _) => Finding::good("clock", "synchronised"),
        (false, Some(daemon)) => Finding::good("clock", format!("{daemon} runs")),
        (false, None) => Finding::warning(
            "clock",
            "nothing keeps it right; nodes whose clocks differ by minutes cannot join",
            "sudo apt-get install systemd-timesyncd, or chrony",
        ),
    }
}

fn runs(name: &str) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut names = processes.filter_map(|process| fs::read_to_string(process.path().join("comm")).ok());
    names.any(|comm| comm.trim() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Level;

    const TABLE: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
        eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
        eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
        tun0\t0000000A\t050200C0\t0003\t0\t0\t0\t000000FF\t0\t0\t0\n";

    #[test]
    fn only_connected_subnets_have_an_interface() {
        assert_eq!(connected(TABLE), [("eth0".to_owned(), "192.0.2.0/24".parse().unwrap())]);
    }

    #[test]
    fn a_route_where_swarm_puts_overlays_is_a_warning_with_the_flag() {
        let finding = overlap(&subnet::routes(TABLE));
        assert_eq!(finding.level, Level::Warning);
        assert!(finding.remedy.unwrap().contains("--default-addr-pool"));
        assert_eq!(overlap(&[]).level, Level::Good);
    }

    #[test]
    fn a_vpn_that_is_the_way_to_everything_lies_not_where_swarm_puts_overlays() {
        let halves = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
            tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n\
            tun0\t00000080\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n";
        assert_eq!(overlap(&subnet::routes(halves)).level, Level::Good);
        assert_eq!(connected(halves), []);
    }

    #[test]
    fn a_missing_private_subnet_is_bad() {
        let findings = addresses(TABLE, Some("203.0.113.0/24".parse().unwrap()));
        assert!(findings.iter().any(|finding| finding.level == Level::Bad), "{findings:?}");
    }

    #[test]
    fn a_port_in_use_is_good_on_a_node_and_bad_elsewhere() {
        let taken = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_eq!(port_finding(port, true, "", true).level, Level::Good);
        assert_eq!(port_finding(port, true, "", false).level, Level::Bad);
    }
}
