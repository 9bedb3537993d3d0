//! One file a command: its options, and what it does with them.

mod agent;
mod arrivals;
mod bench;
mod capacity;
mod compare;
mod completions;
mod draw;
mod fit;
mod janitor;
mod node;
mod out;
mod percent;
mod ping;
mod predict;
mod prose;
mod report;
mod request;
mod results;
mod sender;
mod stop;
mod sweep;

use std::process::ExitCode;

use clap::Subcommand;

/// What the exit codes of every command mean.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    it could not be done; one line on stderr says why
  2    wrong usage or a bad setting
  3    measured, and a threshold was missed (bench: by default more than 1 % errors) or a comparison is worse
  4    measured, but the generator itself was the limit
  127  ping: no answer at all
  130  ended by ^C, after writing what there was";

/// Options that contradict each other, or a value that only the command itself can judge. The exit code is 2.
#[derive(Debug)]
pub struct WrongUsage(String);

impl WrongUsage {
    /// Wrong usage for the reason that an error tells.
    pub fn new(reason: impl std::fmt::Display) -> Self {
        Self(format!("{reason:#}"))
    }
}

impl std::fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}

#[derive(Debug, Subcommand)]
pub enum Command {
    Sweep(Box<sweep::Args>),
    Ping(Box<ping::Args>),
    Predict(predict::Args),
    Report(report::Args),
    Bench(Box<bench::Args>),
    Capacity(Box<capacity::Args>),
    Agent(agent::Args),
    Compare(compare::Args),
    Fit(fit::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    Janitor(janitor::Args),
    #[command(hide = true)]
    Node(node::Args),
}

impl Command {
    /// Runs the command and returns the program's exit code.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Command::Sweep(args) => sweep::run(&args),
            Command::Ping(args) => ping::run(&args),
            Command::Predict(args) => predict::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Bench(args) => bench::run(&args),
            Command::Capacity(args) => capacity::run(&args),
            Command::Agent(args) => agent::run(&args),
            Command::Compare(args) => compare::run(&args),
            Command::Fit(args) => fit::run(&args),
            Command::Completions(args) => completions::run(&args),
            Command::Janitor(args) => janitor::run(&args),
            Command::Node(args) => node::run(&args),
        }
    }
}
