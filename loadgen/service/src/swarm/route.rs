//! How requests reach the tasks of a service, found out before the first of them is sent.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use instrument::target::Target;
use sweep::platform::Error;
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::Config;

/// How long a name may take to resolve.
const RESOLVED: Duration = Duration::from_secs(5);

/// How requests reach the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// Straight to each task, at its own address.
    Tasks,
    /// By the name in the URL, as any client: what stands there passes them on.
    Name(String),
}

impl Route {
    /// Where the URL leads, on a swarm with these other services and with nodes at these addresses.
    ///
    /// # Errors
    /// It leads to nothing, to another service, or to a part of the tasks alone.
    pub async fn find(
        config: &Config,
        service: &swarm::Service,
        others: &[swarm::Service],
        nodes: &[IpAddr],
    ) -> Result<Self, Error> {
        let host = config.target.host.as_str();
        if names(service).iter().any(|name| name == host) {
            return Ok(Route::Tasks);
        }
        let found = resolve(host, config.target.port).await;
        if found.is_empty() {
            return Err(Error(format!(
                "the name {host} leads nowhere on the networks of {0}\n  in --url name the service itself ({1}), or what passes \
                 requests on to it",
                service.name,
                own(service, &config.target)
            )));
        }
        let neighbours = others.iter().filter(|other| other.shares_network_with(service));
        let at_node = found.iter().any(|address| nodes.contains(&address.ip()));
        let publishes = |other: &&swarm::Service| other.ports.iter().any(|port| port.published == config.target.port);
        // By its own port on their networks, or by the one that it publishes on the nodes.
        let other = match owner(&found, neighbours).await {
            None if at_node => others.iter().find(publishes).map(|other| (other, host)),
            other => other.map(|other| (other, other.name.as_str())),
        };
        if let Some((other, by)) = other {
            return match &config.via {
                Some(via) if names(other).contains(via) => Ok(Route::Name(by.to_owned())),
                _ => Err(Error(format!(
                    "{host} leads to the service {0}, and not to {1}: scaling {1} would change nothing that is measured\n  name {2} in \
                     --url, or say --via {0} if {0} passes requests on to {1}",
                    other.name,
                    service.name,
                    own(service, &config.target)
                ))),
            };
        }
        if let Some(port) = service.ports.iter().find(|port| port.host_mode && port.published == config.target.port) {
            return Err(Error(format!(
                "port {} is published in mode host: at {host} only the task of that node answers, however many there are\n  name \
                 {} in --url, which reaches all of them",
                port.published,
                own(service, &config.target)
            )));
        }
        Ok(Route::Name(host.to_owned()))
    }

    /// What a person should know of it.
    pub fn sentence(&self, service: &str, target: &Target) -> String {
        match self {
            Route::Tasks => format!(
                "{service} is asked from a task on its own network, at the addresses of its tasks, with connections in turn."
            ),
            Route::Name(name) => format!(
                "{service} is asked through {name}, at port {}: which task answers is decided there.",
                target.port
            ),
        }
    }
}

/// The names that lead to a service on its networks: its own, and within its stack the one without the stack's.
fn names(service: &swarm::Service) -> Vec<String> {
    let prefix = service.stack.as_ref().map(|stack| format!("{stack}_"));
    let short = prefix.and_then(|prefix| service.name.strip_prefix(&prefix).map(str::to_owned));
    let both = [Some(service.name.clone()), short];
    both.into_iter().flatten().flat_map(|name| [format!("tasks.{name}"), name]).collect()
}

/// A URL that leads to the service itself.
fn own(service: &swarm::Service, target: &Target) -> String {
    let port = service.ports.first().map_or(target.port, |port| port.target);
    format!("http://{}:{port}{}", service.name, target.path)
}

/// The service that has one of these addresses, as its virtual IP or as a task's.
async fn owner<'a>(
    found: &[SocketAddr],
    services: impl Iterator<Item = &'a swarm::Service>,
) -> Option<&'a swarm::Service> {
    let ips: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
    for service in services {
        let tasks = resolve(&format!("tasks.{}", service.name), 0).await;
        let mut own = service.virtual_ips.iter().copied().chain(tasks.iter().map(SocketAddr::ip));
        if own.any(|ip| ips.contains(&ip)) {
            return Some(service);
        }
    }
    None
}

/// The addresses of a name, in a fixed order; none where there is no such name.
pub(super) async fn resolve(name: &str, port: u16) -> Vec<SocketAddr> {
    let found = timeout(RESOLVED, lookup_host((name, port))).await.ok().and_then(Result::ok);
    let mut found: Vec<SocketAddr> = found.into_iter().flatten().collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(name: &str, port: serde_json::Value) -> swarm::Service {
        let raw: swarm::bollard::models::Service = serde_json::from_value(json!({
            "ID": name,
            "Spec": {"Name": name, "Labels": {"com.docker.stack.namespace": "shop"},
                     "TaskTemplate": {"Networks": [{"Target": "n1"}]}},
            "Endpoint": {"Ports": port, "VirtualIPs": [{"NetworkID": "n1", "Addr": "127.0.0.1/8"}]},
        }))
        .expect("a service");
        swarm::Service::from(&raw)
    }

    async fn find(url: &str, via: Option<&str>) -> Result<Route, Error> {
        let config = Config {
            host: None,
            service: "shop_web".to_owned(),
            target: Target::parse(url).expect("a URL"),
            via: via.map(str::to_owned),
            volumes: false,
            image: None,
            bound: Duration::from_secs(1),
        };
        let web = service("shop_web", json!([{"TargetPort": 80, "PublishedPort": 8080, "PublishMode": "host"}]));
        let stranger =
            service("other_web", json!([{"TargetPort": 80, "PublishedPort": 9000, "PublishMode": "ingress"}]));
        let others = [service("shop_proxy", json!([])), swarm::Service { networks: Vec::new(), ..stranger }];
        Route::find(&config, &web, &others, &["127.0.0.2".parse().expect("an address")]).await
    }

    #[tokio::test]
    async fn every_name_of_the_service_leads_to_its_tasks() {
        for host in ["shop_web", "web", "tasks.web", "tasks.shop_web"] {
            assert_eq!(find(&format!("http://{host}:8080/"), None).await.expect(host), Route::Tasks);
        }
    }

    #[tokio::test]
    async fn another_service_s_address_is_told_with_its_name() {
        let error = find("http://127.0.0.1/", None).await.expect_err("it is the proxy's").to_string();
        assert!(error.contains("leads to the service shop_proxy, and not to shop_web"), "{error}");
        assert!(error.contains("--via shop_proxy") && error.contains("http://shop_web:80/"), "{error}");
        let route = find("http://127.0.0.1/", Some("proxy")).await.expect("it was said");
        assert_eq!(route, Route::Name("shop_proxy".to_owned()));
    }

    #[tokio::test]
    async fn a_port_of_a_node_that_another_service_publishes_is_told_with_its_name() {
        let error = find("http://127.0.0.2:9000/", None).await.expect_err("it is other_web's").to_string();
        assert!(error.contains("leads to the service other_web, and not to shop_web"), "{error}");
        let route = find("http://127.0.0.2:9000/", Some("other_web")).await.expect("it was said");
        assert_eq!(route, Route::Name("127.0.0.2".to_owned()));
        // At an address that is no node's, whatever has that port is none of the swarm's business.
        assert_eq!(find("http://127.0.0.3:9000/", None).await.expect("any"), Route::Name("127.0.0.3".to_owned()));
    }

    #[tokio::test]
    async fn a_name_that_leads_nowhere_and_a_port_that_leads_to_one_task_are_told() {
        let error = find("http://no-such-name.invalid/", None).await.expect_err("nowhere").to_string();
        assert!(error.contains("leads nowhere on the networks of shop_web"), "{error}");
        let error = find("http://127.0.0.2:8080/", None).await.expect_err("one task").to_string();
        assert!(error.contains("mode host"), "{error}");
        assert_eq!(find("http://127.0.0.2:9/", None).await.expect("any"), Route::Name("127.0.0.2".to_owned()));
    }
}
