//! What is sent and over which connections, for all commands that send load.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use instrument::config::{Config, Load, Opening, Resolve, Trust};
use instrument::request::{Request, parse_header};
use instrument::statuses::Statuses;

use super::bench::values::AddressValue;

/// What is sent, and over which connections.
#[derive(Debug, clap::Args)]
pub struct RequestArgs {
    /// Connections, used in turn [default: 10; with a rate, as many as are needed, up to 1000]
    #[arg(short, long, value_name = "N")]
    connections: Option<usize>,

    /// Method [default: GET; with a body POST]
    #[arg(short, long)]
    method: Option<String>,

    /// A header, as `Name: value`
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    headers: Vec<String>,

    /// Body of each request
    #[arg(long, value_name = "TEXT", conflicts_with = "body_file")]
    body: Option<String>,

    /// File with the body of each request
    #[arg(long, value_name = "FILE")]
    body_file: Option<PathBuf>,

    /// Time that a request may take, connecting included
    #[arg(short, long, value_name = "TIME", default_value = "30s", value_parser = kit::settings::duration)]
    timeout: Duration,

    /// A new connection for each request
    #[arg(long)]
    pub no_keep_alive: bool,

    /// Threads that send, in each agent where there are agents [default: half the processors, at most one a connection]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// When to open connections: all of them before the first request, or one where none is free as a request is due
    /// [default: up-front with --connections and a rate, else as-needed]
    #[arg(long, value_enum, value_name = "WHEN")]
    open: Option<OpenValue>,

    /// Close a connection that is as old as this, once it is free
    #[arg(long, value_name = "TIME", value_parser = kit::settings::duration)]
    max_age: Option<Duration>,

    /// When to ask for the name's addresses: once, or for each new connection, taking them in turn
    #[arg(long, value_enum, default_value = "once")]
    resolve: ResolveValue,

    /// Send to this address instead of the name's own; with several and --resolve each, to each in turn
    #[arg(long, value_name = "IP[:PORT]")]
    address: Vec<AddressValue>,

    /// With https: trust the certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    cacert: Option<PathBuf>,

    /// With https: do not check the server's certificate
    #[arg(short = 'k', long)]
    insecure: bool,

    /// Statuses that count as success, as 200..399 or 200..299,404; other answers count as errors
    #[arg(long, value_name = "STATUSES", default_value_t)]
    ok: Statuses,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum OpenValue {
    UpFront,
    AsNeeded,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ResolveValue {
    Once,
    Each,
}

impl RequestArgs {
    /// Writes the options into a configuration whose load is set already: some defaults depend on it.
    pub fn apply(&self, config: &mut Config) -> anyhow::Result<()> {
        let body = match (&self.body, &self.body_file) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(path)) => fs::read(path).with_context(|| format!("cannot read {}", path.display()))?,
            (None, None) => Vec::new(),
        };
        let has_body = self.body.is_some() || self.body_file.is_some();
        let method = self.method.clone().unwrap_or_else(|| if has_body { "POST" } else { "GET" }.to_owned());
        let headers = self.headers.iter().map(|header| parse_header(header)).collect::<Result<_, _>>()?;
        config.request = Request { method, headers, body, keep_alive: !self.no_keep_alive };
        let open = !matches!(config.load, Load::Closed);
        config.connections = self.connections.unwrap_or(if open { 1000 } else { 10 });
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        config.threads = self.threads.unwrap_or_else(|| (processors / 2).clamp(1, config.connections.max(1)));
        config.timeout = self.timeout;
        config.ok = self.ok.clone();
        // Who names a number of connections for a rate wants them used; the default is only a bound.
        let ahead = open && self.connections.is_some() && !self.no_keep_alive;
        config.opening = match self.open {
            Some(OpenValue::UpFront) => Opening::UpFront,
            Some(OpenValue::AsNeeded) => Opening::AsNeeded,
            None if ahead => Opening::UpFront,
            None => Opening::AsNeeded,
        };
        config.max_age = self.max_age;
        config.addresses = self.address.iter().map(|address| address.with_port(config.target.port)).collect();
        config.resolve = match self.resolve {
            ResolveValue::Once => Resolve::Once,
            ResolveValue::Each => Resolve::Each,
        };
        config.trust = match &self.cacert {
            _ if self.insecure => Trust::Anything,
            Some(path) => Trust::File(path.clone()),
            None => Trust::System,
        };
        Ok(())
    }
}
