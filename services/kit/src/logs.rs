//! Logs on standard error: lines for people, or JSON for machines.

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line for people.
    Plain,
    /// A JSON object a line.
    Json,
}

/// Settings of the logs, shared by every program.
#[derive(Debug, Clone, clap::Args)]
pub struct LogArgs {
    /// How log lines look
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value = "plain", value_name = "FORMAT")]
    pub log_format: Format,
    /// Which log lines are written: off, error, warn, info, debug or trace
    #[arg(long, env = "LOG_LEVEL", default_value = "info", value_name = "LEVEL")]
    pub log_level: LevelFilter,
}

/// Sends log lines to standard error from now on. The second call in a process changes nothing.
pub fn install(args: &LogArgs) {
    // Its writer leaves colours out where nobody sees them.
    let lines =
        tracing_subscriber::fmt().with_writer(anstream::stderr).with_max_level(args.log_level).with_target(false);
    // Only tests start two services in one process; the first one's choice stands.
    let _ = match args.log_format {
        Format::Plain => lines.with_ansi(true).try_init(),
        Format::Json => lines.json().try_init(),
    };
}
