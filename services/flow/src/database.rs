//! The database that keeps the queue: its settings, its tables, and how long an answer may take.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use kit::settings;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Pool, PoolConstraints, PoolOpts, Transaction, TxOpts};

/// Said to the server on each connection. A node that vanishes in the middle of a transaction must not hold its locks: the server
/// ends a transaction in which nothing is said for five seconds. With `READ COMMITTED` only rows that are touched are locked, no gaps.
const GREETING: [&str; 3] = [
    "SET SESSION idle_transaction_timeout = 5",
    "SET SESSION innodb_lock_wait_timeout = 5",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
];

/// MariaDB's code for a table that is not there.
const NO_SUCH_TABLE: u16 = 1146;

/// Where the database is, and who we are there.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "database")]
pub struct Config {
    /// The database's host
    #[arg(long, env = "FLOW_DATABASE_HOST", default_value = "database", value_name = "NAME")]
    pub database_host: String,
    /// The database's port
    #[arg(long, env = "FLOW_DATABASE_PORT", default_value_t = 3306, value_name = "PORT")]
    pub database_port: u16,
    /// Who we are there
    #[arg(long, env = "FLOW_DATABASE_USER", default_value = "flow", value_name = "NAME")]
    pub database_user: String,
    /// The database's name
    #[arg(long, env = "FLOW_DATABASE_NAME", default_value = "flow", value_name = "NAME")]
    pub database_name: String,
    /// The file that holds the password, and nothing else. There is no option for the password itself: everybody could read it in the
    /// list of processes
    #[arg(
        long,
        env = "FLOW_DATABASE_PASSWORD_FILE",
        default_value = "/run/secrets/flow_password",
        value_name = "FILE"
    )]
    pub database_password_file: PathBuf,
    /// How long the database has for an answer
    #[arg(long, env = "FLOW_DATABASE_TIMEOUT", value_parser = settings::timeout, default_value = "10s", value_name = "TIME")]
    pub database_timeout: Duration,
}

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It refused, or was not reached.
    #[error("cannot {doing}: {source}")]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// What the client of the database says.
        source: mysql_async::Error,
    },
    /// It did not answer.
    #[error("cannot {doing}: the database has not answered for {bound:?}")]
    Silent {
        /// What was being done.
        doing: &'static str,
        /// How long was waited.
        bound: Duration,
    },
}

impl Error {
    /// Whether the tables are not there yet: nobody has submitted anything.
    pub fn is_no_table(&self) -> bool {
        matches!(self, Self::Refused { source: mysql_async::Error::Server(error), .. } if error.code == NO_SUCH_TABLE)
    }
}

/// The database; clones share its connections.
#[derive(Debug, Clone)]
pub struct Database {
    pool: Pool,
    bound: Duration,
    place: String,
}

impl Database {
    /// The database that the settings name. Nothing is asked of it yet. Inside a Tokio runtime only.
    ///
    /// # Errors
    /// One line that names the setting to change.
    pub fn new(config: &Config) -> Result<Self, String> {
        let file = config.database_password_file.display();
        let setting = "--database-password-file, FLOW_DATABASE_PASSWORD_FILE";
        let password = std::fs::read_to_string(&config.database_password_file)
            .map_err(|error| format!("cannot read the password from {file}: {error}; name its file with {setting}"))?;
        // An editor, or `echo`, ends the file with a newline, which is not part of the password.
        let password = password.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(format!("{file} is empty; write the password into it, or name another file with {setting}"));
        }
        // One connection for the work and one for its heartbeat, and one to spare.
        let limits = PoolConstraints::new(0, 3).expect("0 is not more than 3");
        let options = OptsBuilder::default()
            .ip_or_hostname(&config.database_host)
            .tcp_port(config.database_port)
            .prefer_socket(false)
            .user(Some(&config.database_user))
            .pass(Some(password))
            .db_name(Some(&config.database_name))
            .setup(GREETING.to_vec())
            .pool_opts(PoolOpts::default().with_constraints(limits));
        let place = format!("{}:{}", config.database_host, config.database_port);
        Ok(Self { pool: Pool::new(options), bound: config.database_timeout, place })
    }

    /// Where it is, as `database:3306`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Makes the tables, where they are not there.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn prepare(&self) -> Result<(), Error> {
        self.bounded("make the tables", async {
            let mut conn = self.pool.get_conn().await?;
            for statement in include_str!("schema.sql").split_inclusive(";\n") {
                conn.query_drop(statement).await?;
            }
            Ok(())
        })
        .await
    }

    /// Does something that the database answers to, within the bound. What takes longer is given up, with its connection.
    pub(crate) async fn bounded<T>(
        &self,
        doing: &'static str,
        work: impl Future<Output = mysql_async::Result<T>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(self.bound, work).await {
            Ok(answer) => answer.map_err(|source| Error::Refused { doing, source }),
            Err(_) => Err(Error::Silent { doing, bound: self.bound }),
        }
    }

    pub(crate) async fn connection(&self) -> mysql_async::Result<Conn> {
        self.pool.get_conn().await
    }

    pub(crate) async fn transaction(&self) -> mysql_async::Result<Transaction<'static>> {
        self.pool.start_transaction(TxOpts::default()).await
    }

    /// Says goodbye on all connections.
    pub async fn close(self) {
        // A database that is away is not told.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.pool.disconnect()).await;
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Settings {
        #[command(flatten)]
        database: Config,
    }

    #[test]
    fn a_database_that_has_no_time_for_an_answer_is_refused() {
        let read = |timeout| Settings::try_parse_from(["flow", "--database-timeout", timeout]);
        assert!(read("0").unwrap_err().to_string().contains("longer than zero"));
        assert_eq!(read("1s").unwrap().database.database_timeout, Duration::from_secs(1));
    }
}
