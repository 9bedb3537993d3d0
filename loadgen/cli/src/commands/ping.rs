//! Pings: what to send, how often, and how to show the answers.

mod compare;
mod format;
mod json;
mod live;
mod local_time;
mod machine;
mod nagios;
mod options;
mod output;
mod pace;
mod run;
mod tally;
mod text;

use std::process::ExitCode;

use crate::commands::WrongUsage;
use anyhow::Context;
use ping::{BadSetting, Probe};

pub use options::Args;
use output::{Output, Quiet};
use tally::Tally;

/// No ping was answered; httping's own code for it.
const NO_ANSWER: u8 = 127;
/// ^C ended the run before the pings asked for with `-c` were done.
const CUT_SHORT: u8 = 130;

/// Pings until the count is reached or ^C, and returns httping's exit codes.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (probes, output) = prepare(args).map_err(WrongUsage::new)?;
    let tallies = probes.iter().map(|probe| Tally::new(probe.target())).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime for the pings cannot be started")?;
    let plan = run::Plan {
        pace: args.pace(),
        count: args.pings(),
        keep_alive: args.keep_alive,
        accepted: args.ok_codes.clone(),
        retry_names: args.retry_names,
    };
    let ended = runtime.block_on(run::run(probes, plan, tallies, output));
    // A name server that does not answer holds a thread, which must not hold the program.
    runtime.shutdown_background();
    let ended = ended.context("the results cannot be written")?;
    if let Some(limits) = args.nagios {
        return Ok(ExitCode::from(nagios::verdict(&ended.tallies, limits).0));
    }
    if ended.interrupted && args.count.is_some() {
        return Ok(ExitCode::from(CUT_SHORT));
    }
    let answered = ended.tallies.iter().any(|tally| tally.ok > 0);
    Ok(if answered { ExitCode::SUCCESS } else { ExitCode::from(NO_ANSWER) })
}

fn prepare(args: &Args) -> Result<(Vec<Probe>, Box<dyn Output>), String> {
    args.check()?;
    let options = args.probe_options()?;
    let probes = args.urls.iter().map(|url| Probe::new(url, options.clone()));
    let probes = probes.collect::<Result<Vec<_>, BadSetting>>().map_err(|error| error.to_string())?;
    let output: Box<dyn Output> = if args.quiet {
        Box::new(Quiet)
    } else if args.json {
        Box::new(json::Json::default())
    } else if args.machine {
        Box::new(machine::Machine { status: args.status, labels: probes.len() > 1 })
    } else if let Some(limits) = args.nagios {
        Box::new(nagios::Nagios { limits })
    } else {
        let text = text::Text::new(args, probes.len() > 1);
        if args.live { Box::new(live::Live::new(text)?) } else { Box::new(text) }
    };
    Ok((probes, output))
}
