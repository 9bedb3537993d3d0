//! A MariaDB with our queue in it, and workers as processes.

use std::path::Path;
use std::process::{Command, Output};

use clap::Parser;
use flow::{Database, DatabaseConfig, Status, SubmitConfig, Submitted};
use mysql_async::{Conn, OptsBuilder};
use testbed::{MariaDbServer, Program};

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    submit: SubmitConfig,
}

pub struct World {
    pub server: MariaDbServer,
    pub database: Database,
}

impl World {
    pub fn new() -> Self {
        let server = MariaDbServer::start();
        let settings = Settings::parse_from(connection(&server, "flow"));
        Self { database: Database::new(&settings.database).unwrap(), server }
    }

    /// Submits a picture with settings as on the command line.
    pub async fn submit(&self, options: &[&str]) -> Submitted {
        let settings = Self::settings(options);
        flow::submit(&self.database, &settings, settings.grid().unwrap(), rand::random()).await.unwrap()
    }

    /// Settings of a picture, as on the command line.
    pub fn settings(options: &[&str]) -> SubmitConfig {
        Settings::parse_from([&["flow"], options].concat()).submit
    }

    /// A connection beside those of the program.
    pub async fn connection(&self) -> Conn {
        let options = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.server.port())
            .prefer_socket(false)
            .user(Some(self.server.name()))
            .pass(Some(self.password()))
            .db_name(Some(self.server.name()));
        Conn::new(options).await.unwrap()
    }

    pub async fn status(&self) -> Status {
        // Connections from before a kill of the server are found out one by one.
        for _ in 0..10 {
            if let Ok(status) = Status::ask(&self.database).await {
                return status.expect("something was submitted");
            }
        }
        Status::ask(&self.database).await.unwrap().expect("something was submitted")
    }

    /// Starts one of the program's roles.
    pub fn start(&self, role: &str, options: &[&str]) -> Program {
        let mut args = connection(&self.server, role);
        args.extend(options.iter().map(|&option| option.to_owned()));
        Program::start(env!("CARGO_BIN_EXE_flow"), &args)
    }

    /// A worker that ends when nothing is left.
    pub fn worker(&self, options: &[&str]) -> Program {
        self.start("work", &[&["--until-empty"], options].concat())
    }

    /// Runs one of the program's roles to its end.
    pub fn run(&self, role: &str, options: &[&str]) -> Output {
        Command::new(Path::new(env!("CARGO_BIN_EXE_flow")))
            .args(connection(&self.server, role))
            .args(options)
            .output()
            .unwrap()
    }

    pub fn password(&self) -> String {
        std::fs::read_to_string(self.server.password_file()).unwrap().trim().to_owned()
    }
}

fn connection(server: &MariaDbServer, role: &str) -> Vec<String> {
    vec![
        role.to_owned(),
        "--database-host=127.0.0.1".to_owned(),
        format!("--database-port={}", server.port()),
        format!("--database-user={}", server.name()),
        format!("--database-name={}", server.name()),
        format!("--database-password-file={}", server.password_file().display()),
    ]
}
