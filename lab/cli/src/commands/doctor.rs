//! What this machine has of what a Swarm needs.

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use cluster::preflight::Level;
use cluster::{Subnet, doctor};

/// The exit code when something is bad.
const BAD: u8 = 3;

/// Look at this machine or node: engine, kernel, ports, addresses, disk, clock; says what to do
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code 3 when a line is bad.

Example:
  lab doctor --private 10.10.1.0/24")]
pub struct Args {
    /// The nodes' private network: the address in it is the one to advertise
    #[arg(long, value_name = "SUBNET")]
    private: Option<Subnet>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Prints one line a finding, and the remedy under it.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let findings = doctor::look(args.private).await;
    if args.json {
        anstream::println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        for finding in &findings {
            // The word says it without the colour, too.
            let (word, colour) = match finding.level {
                Level::Good => ("good   ", AnsiColor::Green),
                Level::Warning => ("warning", AnsiColor::Yellow),
                Level::Bad => ("bad    ", AnsiColor::Red),
            };
            let style = Style::new().fg_color(Some(colour.into()));
            let margin = format!("{word}  {:<14} ", finding.what);
            let text = match &finding.remedy {
                Some(remedy) => format!("{}\n{remedy}", finding.found),
                None => finding.found.clone(),
            };
            let shown = guide::render::message(&margin, &text, super::guide::style());
            anstream::print!("{style}{word}{style:#}{}", &shown[word.len()..]);
        }
    }
    let bad = findings.iter().any(|finding| finding.level == Level::Bad);
    Ok(if bad { ExitCode::from(BAD) } else { ExitCode::SUCCESS })
}
