//! The roles of the program, each a subcommand.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use kit::logs::LogArgs;
use kit::metrics::Metrics;
use kit::serve::Limits;
use kit::start::{self, Task};

use crate::{Docker, Keys, Service, Template, Users, api, proxy, reaper};

/// A role, with its settings.
#[derive(Debug, clap::Subcommand)]
pub enum Role {
    /// Serve the API, and end what has expired
    Api {
        /// What users may have.
        #[command(flatten)]
        config: api::Config,
        /// What an environment is made of.
        #[command(flatten)]
        template: Template,
        /// A file with a line `name token` for each user
        #[arg(
            long,
            env = "ENVIRONMENTS_USERS",
            default_value = "/run/secrets/environments_users",
            value_name = "FILE"
        )]
        users: PathBuf,
        /// A file with the key that environments' names are made with
        #[arg(
            long,
            env = "ENVIRONMENTS_KEY_FILE",
            default_value = "/run/secrets/environments_key",
            value_name = "FILE"
        )]
        key_file: PathBuf,
        /// Where the proxy is
        #[arg(long, env = "ENVIRONMENTS_DOCKER", default_value = "tcp://environments-proxy:80", value_name = "URL")]
        docker: String,
        /// How it serves.
        #[command(flatten)]
        server: Server,
    },
    /// Serve the part of Docker's API that environments need
    Proxy {
        /// What an environment is made of.
        #[command(flatten)]
        template: Template,
        /// Docker's socket
        #[arg(long, env = "ENVIRONMENTS_SOCKET", default_value = "/var/run/docker.sock", value_name = "FILE")]
        socket: PathBuf,
        /// How it serves.
        #[command(flatten)]
        server: Server,
    },
    /// Ask the service of this machine whether it is well; exit code 0 if it is
    Healthcheck {
        /// The address that it listens on
        #[arg(long, env = "ENVIRONMENTS_LISTEN", default_value = "[::]:80", value_name = "ADDRESS")]
        listen: SocketAddr,
        /// Ask whether it is ready to work, not only whether it runs
        #[arg(long)]
        ready: bool,
    },
}

/// What the roles that serve have in common.
#[derive(Debug, clap::Args)]
pub struct Server {
    /// Address and port to listen on
    #[arg(long, env = "ENVIRONMENTS_LISTEN", default_value = "[::]:80", value_name = "ADDRESS")]
    listen: SocketAddr,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    logs: LogArgs,
}

impl Role {
    /// Plays it.
    pub fn run(self) -> ExitCode {
        match self {
            Self::Api { config, template, users, key_file, docker, server } => server.run(|metrics| {
                config.check()?;
                let (users, keys) = (Users::read(&users)?, Keys::read(&key_file)?);
                let docker = Arc::new(Docker::new(&docker)?);
                let service =
                    Arc::new(Service::new(config, template, users, keys, docker, api::system_clock(), metrics));
                start::vital(reaper::run(service.clone()));
                Ok(api::app(service, metrics))
            }),
            Self::Proxy { template, socket, server } => server.run(|metrics| Ok(proxy::app(template, socket, metrics))),
            Self::Healthcheck { listen, ready } => Task::Healthcheck { ready }.run("environments", listen),
        }
    }
}

impl Server {
    fn run(&self, app: impl FnOnce(&Metrics) -> Result<Router, String>) -> ExitCode {
        start::on_one_thread(&self.logs, async {
            let metrics = Metrics::new("environments");
            match app(&metrics) {
                Ok(app) => start::serve_until_signal(self.listen, app, &metrics, &self.limits).await,
                Err(reason) => start::usage("environments", &reason),
            }
        })
    }
}
