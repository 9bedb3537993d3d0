//! The connection to one Docker engine.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker};

use tokio::time::timeout;

use crate::error::message;
use crate::{Error, Swarm, patient};

/// The oldest version of the API that has all that is used here: job modes and a service's status, Docker 20.10.
pub const OLDEST_API: ApiVersion = ApiVersion(1, 41);

/// Where an engine listens unless `DOCKER_HOST` says otherwise.
pub const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// The variable that names another engine.
pub const HOST_VARIABLE: &str = "DOCKER_HOST";

/// Set on every node of a `lab cluster`: what is the local engine there is that of a node.
const ON_NODE: &str = "SWARMLAB_PRIVATE";

/// Longest wait for the answer to a change, in seconds; streams are not bound by it.
const ANSWER_WITHIN: u64 = 120;

/// Longest wait for the answer to a look. It takes milliseconds; a frozen engine never gives it, and one whose managers
/// have just lost their leader takes some seconds.
const LOOK_WITHIN: Duration = Duration::from_secs(20);

/// The engine that `DOCKER_HOST` names, where it names one.
pub fn exported() -> Option<String> {
    std::env::var(HOST_VARIABLE).ok().filter(|host| !host.is_empty())
}

/// Waits for the answer to a look, and not for ever.
pub(crate) async fn look<T>(
    what: impl Into<String>,
    answer: impl Future<Output = Result<T, bollard::errors::Error>>,
) -> Result<T, Error> {
    let bound = patient(LOOK_WITHIN);
    match timeout(bound, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Error::api(what, &error)),
        Err(_) => Err(Error::Slow { what: what.into(), bound }),
    }
}

/// A version of Docker's HTTP API, as `1.44`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion(pub u32, pub u32);

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl FromStr for ApiVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("{text:?} is not a version of the API, such as 1.44");
        let (major, minor) = text.split_once('.').ok_or_else(bad)?;
        Ok(ApiVersion(major.parse().map_err(|_| bad())?, minor.parse().map_err(|_| bad())?))
    }
}

/// One Docker engine, with the version of the API agreed on.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: Docker,
    host: String,
    version: String,
    api: ApiVersion,
    oldest_api: Option<ApiVersion>,
}

impl Engine {
    /// Connects to `host`, or to `DOCKER_HOST`, or to the local socket, and agrees on a version of the API.
    ///
    /// # Errors
    /// When nothing answers, when the socket is closed to this user, or when the engine is too old.
    pub async fn connect(host: Option<&str>) -> Result<Engine, Error> {
        let host = host.map(ToOwned::to_owned).or_else(exported).unwrap_or_else(|| DEFAULT_HOST.to_owned());
        let docker = open(&host)?;
        let bound = patient(LOOK_WITHIN);
        let docker = match timeout(bound, docker.negotiate_version()).await {
            Ok(docker) => docker.map_err(|error| no_engine(&host, message(&error)))?,
            Err(_) => return Err(no_engine(&host, format!("it said nothing in {} s", bound.as_secs()))),
        };
        let answer = look("tell its version", docker.version()).await?;
        let api: ApiVersion = answer
            .api_version
            .as_deref()
            .unwrap_or_default()
            .parse()
            .map_err(|cause| Error::Api { what: "tell its version".to_owned(), cause })?;
        if api < OLDEST_API {
            return Err(Error::EngineTooOld { host, api: api.to_string(), needed: OLDEST_API.to_string() });
        }
        Ok(Engine {
            docker,
            host,
            version: answer.version.unwrap_or_default(),
            api,
            oldest_api: answer.min_api_version.and_then(|version| version.parse().ok()),
        })
    }

    /// The client itself.
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// Where the engine listens.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The engine's version, as `26.1.5+dfsg1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The newest version of the API that the engine speaks.
    pub fn api(&self) -> ApiVersion {
        self.api
    }

    /// The oldest version of the API that the engine accepts, where it says.
    pub fn oldest_api(&self) -> Option<ApiVersion> {
        self.oldest_api
    }

    /// The Swarm that this engine manages.
    ///
    /// # Errors
    /// When the engine is in no Swarm, or is a worker.
    pub async fn swarm(self) -> Result<Swarm, Error> {
        let info = look("tell its state", self.docker.info()).await?;
        let engine = info.name.unwrap_or_default();
        let swarm = info.swarm.unwrap_or_default();
        match swarm.local_node_state {
            Some(bollard::models::LocalNodeState::ACTIVE) => {}
            _ => {
                // What is reached by a name of its own is no engine of this machine.
                let node = self.host != DEFAULT_HOST || std::env::var_os(ON_NODE).is_some();
                return Err(Error::NotInSwarm { engine, node });
            }
        }
        if !swarm.control_available.unwrap_or(false) {
            let managers = swarm.remote_managers.unwrap_or_default();
            return Err(Error::NotManager {
                engine,
                managers: managers.into_iter().filter_map(|peer| peer.addr).collect(),
            });
        }
        Ok(Swarm::new(self, swarm.node_id.unwrap_or_default()))
    }
}

/// A client for the address; nothing is sent yet.
fn open(host: &str) -> Result<Docker, Error> {
    let unsupported = |reason: &str| Error::Host { host: host.to_owned(), reason: reason.to_owned() };
    let opened = if host.starts_with("unix://") {
        Docker::connect_with_unix(host, ANSWER_WITHIN, API_DEFAULT_VERSION)
    } else if host.starts_with("tcp://") || host.starts_with("http://") {
        if std::env::var_os("DOCKER_TLS_VERIFY").is_some_and(|value| !value.is_empty()) {
            return Err(unsupported(
                "DOCKER_TLS_VERIFY asks for TLS, which this program does not speak\n  unset it, and use unix:///path/to/docker.sock or tcp://host:port",
            ));
        }
        Docker::connect_with_http(host, ANSWER_WITHIN, API_DEFAULT_VERSION)
    } else {
        let kind = host.split_once("://").map_or("an address without a scheme", |(scheme, _)| scheme);
        let remedy = if kind == "ssh" {
            format!(
                "run this on that machine, or open a way to its socket: `ssh -NL /tmp/docker.sock:/var/run/docker.sock {host}`, then use unix:///tmp/docker.sock"
            )
        } else {
            "use unix:///path/to/docker.sock or tcp://host:port".to_owned()
        };
        return Err(unsupported(&format!("this program does not speak {kind}\n  {remedy}")));
    };
    opened.map_err(|error| no_engine(host, message(&error)))
}

/// Tells a closed socket from an absent one: the remedies differ.
fn no_engine(host: &str, cause: String) -> Error {
    let exported = exported().as_deref() == Some(host);
    let host = host.to_owned();
    if cause.contains("too old") {
        Error::ClientTooOld { message: cause }
    } else if cause.to_ascii_lowercase().contains("permission denied") {
        Error::Permission { host }
    } else {
        Error::NoEngine { host, cause, exported }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// Answers every request with `status` and `body`, and says what it was asked.
    async fn engine(status: &'static str, body: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        host
    }

    #[tokio::test]
    async fn an_old_engine_is_named_with_both_versions() {
        let host = engine("200 OK", r#"{"Version":"19.03.1","ApiVersion":"1.40"}"#).await;
        let error = Engine::connect(Some(&host)).await.unwrap_err().to_string();
        assert!(error.contains("too old: it speaks API 1.40, and API 1.41"), "{error}");
    }

    #[tokio::test]
    async fn a_refused_version_names_engine_29() {
        let host = engine(
            "400 Bad Request",
            r#"{"message":"client version 1.41 is too old. Minimum supported API version is 1.44, please upgrade your client to a newer version"}"#,
        )
        .await;
        let error = Engine::connect(Some(&host)).await.unwrap_err().to_string();
        assert!(error.contains("Minimum supported API version is 1.44"), "{error}");
        assert!(error.contains("Engine 29 refuses"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_accepts_and_says_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        let silent = async { std::future::pending::<()>().await };
        let error = tokio::select! {
            connected = Engine::connect(Some(&host)) => connected.unwrap_err().to_string(),
            () = silent => unreachable!(),
        };
        assert!(error.contains("said nothing in 20 s"), "{error}");
        drop(listener);
    }

    #[tokio::test]
    async fn an_absent_engine_is_named_with_its_address() {
        let error = Engine::connect(Some("unix:///nonexistent/docker.sock")).await.unwrap_err().to_string();
        assert!(error.contains("no Docker engine answers at unix:///nonexistent"), "{error}");
        assert!(error.contains("systemctl start docker"), "{error}");
    }

    #[tokio::test]
    async fn an_unknown_scheme_is_refused_before_anything_is_sent() {
        let error = Engine::connect(Some("ssh://head")).await.unwrap_err().to_string();
        assert!(
            error.contains("the engine at ssh://head cannot be reached: this program does not speak ssh"),
            "{error}"
        );
        assert!(error.contains("docker.sock ssh://head`, then use unix:///tmp/docker.sock"), "{error}");
        let error = Engine::connect(Some("head:2375")).await.unwrap_err().to_string();
        assert!(error.contains("an address without a scheme\n  use unix:///"), "{error}");
    }

    #[tokio::test]
    async fn only_not_found_means_that_a_network_is_gone() {
        for (status, body, expected) in [
            ("404 Not Found", r#"{"message":"network web not found"}"#, "none"),
            ("200 OK", r#"{"Name":"web","Id":"n1"}"#, "one"),
            ("200 OK", r#"{"Name":"other","Id":"web1"}"#, "none"),
            ("503 Service Unavailable", r#"{"message":"the node lost quorum"}"#, "lost its majority"),
            ("500 Internal Server Error", r#"{"message":"rpc error"}"#, "could not inspect network web: rpc error"),
        ] {
            let host = engine(status, body).await;
            let docker = open(&host).unwrap();
            let (version, api) = (String::new(), OLDEST_API);
            let swarm = Swarm::new(Engine { docker, host, version, api, oldest_api: None }, String::new());
            let seen = match swarm.network("web").await {
                Ok(found) => found.map_or("none".to_owned(), |_| "one".to_owned()),
                Err(error) => error.to_string(),
            };
            assert!(seen.contains(expected), "{status}: {seen}");
        }
    }

    #[tokio::test]
    async fn a_newer_engine_is_spoken_to_in_a_version_that_it_knows() {
        let host = engine("200 OK", r#"{"Version":"29.1.0","ApiVersion":"1.99","MinAPIVersion":"1.44"}"#).await;
        let engine = Engine::connect(Some(&host)).await.unwrap();
        assert_eq!(engine.api(), ApiVersion(1, 99));
        assert_eq!(engine.oldest_api(), Some(ApiVersion(1, 44)));
        let spoken = engine.docker().client_version();
        assert!(
            ApiVersion(1, 44)
                <= ApiVersion(spoken.major_version.try_into().unwrap(), spoken.minor_version.try_into().unwrap())
        );
    }
}
