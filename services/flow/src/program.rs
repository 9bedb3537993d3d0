//! The roles of the program, each a subcommand.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use kit::logs::LogArgs;
use kit::serve::Limits;
use kit::{health, settings, start};
use tokio::time::{Instant, sleep};

use crate::database::{self, Database, Error};
use crate::dead::DeadLetter;
use crate::queue::Queue;
use crate::status::Status;
use crate::submit::{self, Submitted};
use crate::{page, work};

/// The pause between questions to a database that is not up yet.
const AGAIN: Duration = Duration::from_millis(500);

/// A role, with its settings.
#[derive(Debug, clap::Subcommand)]
pub enum Role {
    /// Put the jobs of one picture into the queue, unless one is under way
    Submit {
        /// What the picture is to be.
        #[command(flatten)]
        picture: submit::Config,
        /// How the database is asked.
        #[command(flatten)]
        once: Once,
    },
    /// Claim jobs and do them
    Work {
        /// How it works.
        #[command(flatten)]
        work: work::Config,
        /// Where the queue is.
        #[command(flatten)]
        database: database::Config,
        /// How it logs.
        #[command(flatten)]
        logs: LogArgs,
    },
    /// Serve the page that shows the picture while it fills
    Page {
        /// Address and port to listen on
        #[arg(long, env = "FLOW_LISTEN", default_value = "[::]:80", value_name = "ADDRESS")]
        listen: SocketAddr,
        /// Where the queue is.
        #[command(flatten)]
        database: database::Config,
        /// Time limits of its server.
        #[command(flatten)]
        limits: Limits,
        /// How it logs.
        #[command(flatten)]
        logs: LogArgs,
    },
    /// Tell how far the newest picture is; exit code 1 unless every job is done
    Status {
        /// As JSON
        #[arg(long, env = "FLOW_JSON", default_value_t = false)]
        json: bool,
        /// How the database is asked.
        #[command(flatten)]
        once: Once,
    },
    /// List the jobs of the newest picture that were tried too often, and what became of each try
    Dead {
        /// How the database is asked.
        #[command(flatten)]
        once: Once,
    },
    /// Make dead jobs ready again, with all their tries
    Revive {
        /// How the database is asked.
        #[command(flatten)]
        once: Once,
    },
    /// Ask the page of this machine whether it is well; exit code 0 if it is
    Healthcheck {
        /// The address that it listens on
        #[arg(long, env = "FLOW_LISTEN", default_value = "[::]:80", value_name = "ADDRESS")]
        listen: SocketAddr,
        /// Ask whether it is ready to work, not only whether it runs
        #[arg(long)]
        ready: bool,
    },
}

/// What the roles have in common that ask the database once.
#[derive(Debug, clap::Args)]
pub struct Once {
    #[command(flatten)]
    database: database::Config,
    /// How long to try again while the database does not answer
    #[arg(long, env = "FLOW_WAIT", value_parser = settings::duration, default_value = "60s", value_name = "TIME")]
    wait: Duration,
    #[command(flatten)]
    logs: LogArgs,
}

impl Role {
    /// Plays it.
    pub fn run(self) -> ExitCode {
        match self {
            Self::Submit { picture, once } => match picture.grid() {
                Ok(grid) => {
                    let token = rand::random();
                    once.run(async |database| Ok(told(&submit::submit(database, &picture, grid, token).await?)))
                }
                Err(reason) => start::usage("flow", &reason),
            },
            Self::Work { work, database, logs } => start::on_one_thread(&logs, async {
                match Database::new(&database) {
                    Ok(database) => work::run(Queue::new(database, work.lease), work).await,
                    Err(reason) => start::usage("flow", &reason),
                }
            }),
            Self::Page { listen, database, limits, logs } => start::on_one_thread(&logs, async {
                match Database::new(&database) {
                    Ok(database) => page::run(database, listen, &limits).await,
                    Err(reason) => start::usage("flow", &reason),
                }
            }),
            Self::Status { json, once } => once.run(async |database| Ok(shown(Status::ask(database).await?, json))),
            Self::Dead { once } => once.run(async |database| {
                let Some(status) = Status::ask(database).await? else { return Ok(nothing_submitted()) };
                let letters = DeadLetter::of_run(database, status.run).await?;
                anstream::println!("run {}: {} dead jobs", status.run, status.jobs.dead);
                for letter in letters {
                    anstream::println!("{letter}");
                }
                Ok(ExitCode::SUCCESS)
            }),
            Self::Revive { once } => once.run(async |database| {
                let jobs = Queue::new(database.clone(), Duration::ZERO).revive().await?;
                anstream::println!("{jobs} dead jobs are ready again");
                Ok(ExitCode::SUCCESS)
            }),
            Self::Healthcheck { listen, ready } => {
                match health::check(listen, if ready { "/readyz" } else { "/healthz" }) {
                    Ok(()) => ExitCode::SUCCESS,
                    Err(reason) => start::fail("flow", &reason),
                }
            }
        }
    }
}

impl Once {
    /// Asks until the database answers, or the wait is over.
    fn run(&self, ask: impl AsyncFn(&Database) -> Result<ExitCode, Error>) -> ExitCode {
        start::on_one_thread(&self.logs, async {
            let database = match Database::new(&self.database) {
                Ok(database) => database,
                Err(reason) => return start::usage("flow", &reason),
            };
            let deadline = Instant::now() + self.wait;
            let code = loop {
                match ask(&database).await {
                    Ok(code) => break code,
                    Err(error) if error.is_no_table() => break nothing_submitted(),
                    Err(error) if Instant::now() < deadline => {
                        tracing::debug!("{error}; trying again");
                        sleep(AGAIN).await;
                    }
                    Err(error) => {
                        let (place, wait) = (database.place(), self.wait);
                        break start::fail(
                            "flow",
                            &format!("{error}; tried for {wait:?} at {place} (--database-host, --wait)"),
                        );
                    }
                }
            };
            database.close().await;
            code
        })
    }
}

fn nothing_submitted() -> ExitCode {
    start::fail("flow", "nothing was ever submitted; `flow submit` does that")
}

fn told(submitted: &Submitted) -> ExitCode {
    match submitted {
        Submitted::New(run) => anstream::println!("run {run} is in the queue"),
        Submitted::UnderWay(run) => {
            anstream::println!("run {run} is still under way; nothing was added (--another adds one all the same)");
        }
    }
    ExitCode::SUCCESS
}

fn shown(status: Option<Status>, json: bool) -> ExitCode {
    let Some(status) = status else { return nothing_submitted() };
    if json {
        anstream::println!("{}", serde_json::to_string(&status).expect("numbers and names are JSON"));
    } else {
        anstream::print!("{status}");
    }
    if status.is_finished() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
