//! Copies of a command on this machine, each on a port of its own: no Docker.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sweep::platform::{Error, Placed, Platform, Replicas};
use sweep::result::{Machine, Settings};

use crate::copy::{Copy, free_address};
use crate::served::{Busy, Served, Snapshot};

/// Where a command has its own port.
const PORT: &str = "{port}";

/// What is run.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name of the service.
    pub name: String,
    /// The command of which there are copies, for a shell; `{port}` is the copy's own port, as is `$PORT`.
    pub command: String,
    /// Commands that run beside them once, by name; `{NAME.port}` is the port of one in the other commands.
    pub beside: Vec<(String, String)>,
    /// Where their output is kept.
    pub logs: PathBuf,
    /// How long a copy may take until it takes connections.
    pub bound: Duration,
}

/// The copies.
pub struct Processes {
    config: Config,
    copies: Vec<Copy>,
    beside: Vec<(String, Copy)>,
}

/// A name for the service that a command is: the file name of its first word.
pub fn name_of(command: &str) -> String {
    let word = command.split_whitespace().find(|word| !word.contains('=')).unwrap_or("server");
    let name: String = Path::new(word).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name: String = name.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
    if name.is_empty() { "server".to_owned() } else { name }
}

impl Config {
    /// Says what is wrong with it, before anything is started.
    ///
    /// # Errors
    /// A sentence for the person who typed it.
    pub fn check(&self) -> Result<(), String> {
        if !self.command.contains(PORT) && !self.command.contains("PORT") {
            return Err(format!(
                "`{}` does not say where it listens: write {PORT} where its port belongs, as in './server --port {PORT}', or \
                 let it read $PORT",
                self.command
            ));
        }
        for (name, _) in &self.beside {
            let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
            if !plain || *name == self.name {
                return Err(format!("`{name}` cannot be the name of a command beside {}", self.name));
            }
        }
        Ok(())
    }
}

impl Processes {
    /// Starts what runs beside the copies; there is no copy yet. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// A command ends at once or does not take connections; its last lines are told.
    pub async fn start(config: Config) -> Result<Self, Error> {
        config.check().map_err(Error)?;
        let logs = &config.logs;
        std::fs::create_dir_all(logs)
            .map_err(|error| Error(format!("cannot make the folder {}: {error}", logs.display())))?;
        let mut this = Self { config, copies: Vec::new(), beside: Vec::new() };
        for (name, command) in this.config.beside.clone() {
            let address = free_address()?;
            let mut copy = Copy::start(&name, &this.filled(&command, address), address, &this.config.logs)?;
            // Only who says where it listens can be waited for.
            if command.contains(PORT) || command.contains("PORT") {
                copy.ready(this.config.bound).await?;
            }
            this.beside.push((name, copy));
        }
        Ok(this)
    }

    /// A command with the ports in it.
    fn filled(&self, command: &str, own: SocketAddr) -> String {
        let command = command.replace(PORT, &own.port().to_string());
        self.beside.iter().fold(command, |command, (name, copy)| {
            command.replace(&format!("{{{name}.port}}"), &copy.address.port().to_string())
        })
    }
}

impl Platform for Processes {
    fn name(&self) -> &'static str {
        "processes"
    }

    async fn describe(&mut self, _: &mut Settings, _: &mut Machine) -> Result<(), Error> {
        Ok(())
    }

    async fn scale(&mut self, replicas: &Replicas) -> Result<(), Error> {
        let count = replicas.get(&self.config.name).copied().unwrap_or_default() as usize;
        for copy in self.copies.split_off(count.min(self.copies.len())) {
            copy.end().await;
        }
        while self.copies.len() < count {
            let address = free_address()?;
            let name = format!("{}.{}", self.config.name, self.copies.len() + 1);
            let command = self.filled(&self.config.command, address);
            self.copies.push(Copy::start(&name, &command, address, &self.config.logs)?);
        }
        for copy in &mut self.copies {
            copy.ready(self.config.bound).await?;
        }
        Ok(())
    }

    async fn placement(&mut self) -> Result<Vec<Placed>, Error> {
        let node = kit::host::name();
        let all = self.copies.iter().map(|copy| (&self.config.name, copy));
        let all = all.chain(self.beside.iter().map(|(name, copy)| (name, copy)));
        let placed = all.map(|(service, copy)| Placed {
            service: service.clone(),
            task: copy.name.clone(),
            node: node.clone(),
            replica: Some(copy.name.clone()),
        });
        Ok(placed.collect())
    }

    async fn restore(&mut self) -> Result<(), Error> {
        for copy in std::mem::take(&mut self.copies) {
            copy.end().await;
        }
        for (_, copy) in std::mem::take(&mut self.beside) {
            copy.end().await;
        }
        Ok(())
    }
}

impl Served for Processes {
    fn service(&self) -> &str {
        &self.config.name
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.copies.iter().map(|copy| copy.address).collect()
    }

    fn replica_at(&self, address: SocketAddr) -> Option<String> {
        self.copies.iter().find(|copy| copy.address == address).map(|copy| copy.name.clone())
    }

    async fn usage(&mut self) -> Result<Snapshot, Error> {
        let copies = self.copies.iter().map(|copy| copy.used(&self.config.name));
        let tasks = copies.chain(self.beside.iter().map(|(name, copy)| copy.used(name))).collect();
        Ok(Snapshot { tasks, nodes: Busy::here().into_iter().collect(), notes: Vec::new() })
    }

    async fn check(&mut self) -> Result<(), Error> {
        self.copies.iter_mut().chain(self.beside.iter_mut().map(|(_, copy)| copy)).try_for_each(Copy::check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(command: &str, logs: &Path) -> Config {
        Config {
            name: name_of(command),
            command: command.to_owned(),
            beside: Vec::new(),
            logs: logs.to_owned(),
            bound: Duration::from_secs(20),
        }
    }

    fn replicas(name: &str, count: u32) -> Replicas {
        [(name.to_owned(), count)].into()
    }

    #[test]
    fn a_service_is_named_after_its_command() {
        assert_eq!(name_of("./bin/web-server --port {port}"), "web-server");
        assert_eq!(name_of("LOG=1 python3 app.py {port}"), "python3");
        assert_eq!(name_of("/"), "server");
    }

    #[test]
    fn a_command_without_a_port_is_refused() {
        let here = Path::new(".");
        assert!(config("./server", here).check().expect_err("no port").contains("{port}"));
        assert!(config("./server --listen $PORT", here).check().is_ok());
        let beside = Config { beside: vec![("../x".to_owned(), "y".to_owned())], ..config("a {port}", here) };
        assert!(beside.check().is_err());
    }

    #[tokio::test]
    async fn a_copy_that_dies_is_told_with_its_last_lines() {
        let logs = tempfile::TempDir::new().expect("a folder");
        let command = "echo port {port} is bad >&2; exit 3";
        let mut processes = Processes::start(config(command, logs.path())).await.expect("starts");
        let error = processes.scale(&replicas("echo", 2)).await.expect_err("it dies").to_string();
        assert!(error.contains("echo.1 ended with exit code 3") && error.contains("is bad"), "{error}");
        processes.restore().await.expect("nothing is left");
    }

    #[tokio::test]
    async fn a_copy_that_does_not_listen_is_told() {
        let logs = tempfile::TempDir::new().expect("a folder");
        let quick = Config { bound: Duration::from_millis(200), ..config("exec sleep 60 # {port}", logs.path()) };
        let mut processes = Processes::start(Config { name: "idle".to_owned(), ..quick }).await.expect("starts");
        let error = processes.scale(&replicas("idle", 1)).await.expect_err("it is silent").to_string();
        assert!(error.contains("does the command listen on {port}?"), "{error}");
        let group = processes.copies[0].group.expect("it runs");
        processes.restore().await.expect("it is ended");
        assert!(rustix::process::test_kill_process_group(group).is_err(), "nothing is left");
    }
}
