//! A real MariaDB that can be stopped, killed and started again with its data kept.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::program::{Program, free_port};
use crate::wait::wait_for;

/// How long the server may take to start. It makes its files first, and the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// The database and the user that it begins with have one name.
const NAME: &str = "flow";

/// A MariaDB server on a loopback port, with its data in a folder of its own: never the system's service.
#[derive(Debug)]
pub struct MariaDbServer {
    folder: TempDir,
    port: u16,
    program: Option<Program>,
}

impl MariaDbServer {
    /// Starts a server with one database and one user, whose password is in a file.
    ///
    /// # Panics
    /// When MariaDB is not installed or does not start.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a folder for MariaDB's data");
        let mut server = Self { folder, port: 0, program: None };
        server.install();
        // Another program may take the free port first, so a few tries are owed.
        for _ in 0..5 {
            server.port = free_port();
            if server.run() {
                return server;
            }
        }
        panic!("mariadbd did not start on five free ports");
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The name of the database, and of the user who may do everything in it.
    pub fn name(&self) -> &'static str {
        NAME
    }

    /// The file that holds the user's password.
    pub fn password_file(&self) -> PathBuf {
        self.folder.path().join("password")
    }

    /// Kills it with SIGKILL; what was committed stays.
    pub fn kill(&mut self) {
        self.program = None;
    }

    /// Starts it again on the same port and data.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        assert!(self.run(), "mariadbd did not start again on port {}", self.port);
    }

    /// A folder of its own for temporary tables: servers that start side by side take the same names in `/tmp`.
    fn scratch(&self) -> String {
        format!("--tmpdir={}", self.folder.path().display())
    }

    fn install(&self) {
        let data = format!("--datadir={}", self.folder.path().join("data").display());
        let mut install = Command::new("mariadb-install-db");
        install
            .args([
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--force",
                &data,
                &self.scratch(),
            ])
            .args(user());
        let output = install.output().unwrap_or_else(|error| {
            panic!("cannot run mariadb-install-db: {error}; `apt-get install mariadb-server-core mariadb-client-core` installs it")
        });
        assert!(output.status.success(), "mariadb-install-db failed:\n{}", String::from_utf8_lossy(&output.stderr));
        let password: String =
            fs::read_to_string("/proc/sys/kernel/random/uuid").expect("random bytes").trim().to_owned();
        let begin = format!(
            "CREATE DATABASE IF NOT EXISTS {NAME};\nCREATE USER IF NOT EXISTS '{NAME}'@'%' IDENTIFIED BY '{password}';\n\
             GRANT ALL ON {NAME}.* TO '{NAME}'@'%';\nDROP USER IF EXISTS ''@'localhost';\n"
        );
        for (name, content) in [("password", format!("{password}\n")), ("begin.sql", begin)] {
            let mut file = OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(self.folder.path().join(name))
                .expect("a file beside the data");
            file.write_all(content.as_bytes()).expect("room for a line");
        }
    }

    fn run(&mut self) -> bool {
        let folder = self.folder.path().display();
        let mut args = vec![
            "--no-defaults".to_owned(),
            format!("--datadir={folder}/data"),
            self.scratch(),
            format!("--socket={folder}/socket"),
            format!("--pid-file={folder}/pid"),
            format!("--init-file={folder}/begin.sql"),
            format!("--port={}", self.port),
            "--bind-address=127.0.0.1".to_owned(),
            "--innodb-buffer-pool-size=32M".to_owned(),
            "--performance-schema=off".to_owned(),
        ];
        args.extend(user());
        let mut program = Program::start("mariadbd", &args);
        let up = wait_for("mariadbd", PATIENCE, || {
            let log = program.log();
            if log.contains("ready for connections") {
                return Ok(true);
            }
            if log.contains("Address already in use") || log.contains("Aborting") { Ok(false) } else { Err(log) }
        });
        if !up {
            program.wait();
            return false;
        }
        self.program = Some(program);
        true
    }
}

/// The server refuses to run as root unless it is told so, and as another user it takes no such word.
fn user() -> Option<String> {
    let root = fs::metadata("/proc/self").expect("a process of its own").uid() == 0;
    root.then(|| "--user=root".to_owned())
}
