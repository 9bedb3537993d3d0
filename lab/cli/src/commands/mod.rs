//! One file a command: its options, and what it does with them.

mod cluster;
mod completions;
mod doctor;
pub mod groups;
mod guide;
mod images;
mod manager;
mod registry;
mod tasks;
mod wait;

use std::process::ExitCode;

use clap::Subcommand;

/// What the exit codes of every command mean.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    it could not be done; stderr says why, and what to do
  2    wrong usage or a bad setting
  3    doctor: something is not as it should be
       check, run: the step is not done yet, or was not shown yet

On a slow machine LAB_PATIENCE=3 in the environment makes all waits up to three
times as long, and lets measured speeds fall short by three times as much.";

#[derive(Debug, Subcommand)]
pub enum Command {
    Cluster(cluster::Args),
    Doctor(doctor::Args),
    Images(images::Args),
    Registry(registry::Args),
    Tasks(tasks::Args),
    Wait(wait::Args),
    /// List the labs
    List(guide::catalogue::List),
    Start(guide::walk::Start),
    /// Show the current step
    Next(guide::walk::Here),
    /// Walk the current step and those after it: predict, run, check
    Run(guide::walk::Run),
    /// Look whether the current step is done
    Check(guide::walk::Check),
    /// Show the hint of the current step
    Hint(guide::walk::Here),
    /// Show the solution of the current step
    Solution(guide::walk::Here),
    Answer(guide::walk::Answer),
    Reset(guide::walk::Reset),
    /// Show where you are
    Status,
    /// List the rows of the checklist, and the steps that cover them
    Coverage(guide::catalogue::Coverage),
    Report(guide::class::ReportArgs),
    ReportKey(guide::class::KeyArgs),
    Collect(guide::class::CollectArgs),
    Map(guide::map::Args),
    Author(guide::author::Args),
    Completions(completions::Args),
}

impl Command {
    /// Whether it does nothing useful on a node of a cluster: the nodes, the images and the progress are those of the machine outside.
    fn only_outside(&self) -> bool {
        match self {
            Command::Cluster(_)
            | Command::Images(_)
            | Command::Start(_)
            | Command::Next(_)
            | Command::Run(_)
            | Command::Check(_)
            | Command::Hint(_)
            | Command::Solution(_)
            | Command::Answer(_)
            | Command::Reset(_)
            | Command::Status
            | Command::Report(_)
            | Command::Author(_) => true,
            Command::Doctor(_)
            | Command::Registry(_)
            | Command::Tasks(_)
            | Command::Wait(_)
            | Command::List(_)
            | Command::Coverage(_)
            | Command::ReportKey(_)
            | Command::Collect(_)
            | Command::Map(_)
            | Command::Completions(_) => false,
        }
    }

    /// Runs the command and returns the program's exit code.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if self.only_outside() {
            ::guide::place::outside()?;
        }
        match self {
            Command::Cluster(args) => wait(cluster::run(args)),
            Command::Doctor(args) => wait(doctor::run(args)),
            Command::Images(args) => wait(images::run(args)),
            Command::Registry(args) => wait(registry::run(args)),
            Command::Tasks(args) => wait(tasks::run(args)),
            Command::Wait(args) => wait(wait::run(args)),
            Command::List(args) => guide::catalogue::list(&args),
            Command::Start(args) => wait(guide::walk::start(args)),
            Command::Next(args) => wait(guide::walk::next(args)),
            Command::Run(args) => wait(guide::walk::run(args)),
            Command::Check(args) => wait(guide::walk::check(args)),
            Command::Hint(args) => wait(guide::walk::hint(args)),
            Command::Solution(args) => wait(guide::walk::solution(args)),
            Command::Answer(args) => wait(guide::walk::answer(args)),
            Command::Reset(args) => wait(guide::walk::reset(args)),
            Command::Status => guide::catalogue::status(),
            Command::Coverage(args) => guide::catalogue::coverage(&args),
            Command::Report(args) => guide::class::report(args),
            Command::ReportKey(args) => guide::class::report_key(&args),
            Command::Collect(args) => guide::class::collect(&args),
            Command::Map(args) => wait(guide::map::run(args)),
            Command::Author(args) => wait(guide::author::run(args)),
            Command::Completions(args) => completions::run(&args),
        }
    }
}

/// The columns of the terminal that is printed to, where one is.
fn terminal_width() -> Option<usize> {
    use std::io::IsTerminal as _;
    let terminal = std::io::stdout().is_terminal();
    terminal.then(|| terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0)))
}

/// Runs a command that talks to engines.
fn wait(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(command);
    // A read of standard input that nobody will answer must not keep the program from ending.
    runtime.shutdown_background();
    done
}
