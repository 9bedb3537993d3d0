//! Which labs there are, how far the student is, and what the labs cover.

use std::process::ExitCode;

use ::guide::state::{self, Progress};
use ::guide::{coverage, labs};
use anyhow::Context as _;

use super::Syllabus;

/// Options of the list of rows.
#[derive(Debug, clap::Args)]
pub struct Coverage {
    /// Print as JSON
    #[arg(long)]
    json: bool,
    /// Rows that no step covers too
    #[arg(long)]
    all: bool,
}

/// Lists the labs.
pub fn list(syllabus: &Syllabus) -> anyhow::Result<ExitCode> {
    let progress = Progress::load(&state::path()?)?;
    let (chosen, tracks) = (syllabus.labs()?, labs::tracks()?);
    // In the order of the class, which may come back to a track.
    for ours in chosen.chunk_by(|one, next| one.track == next.track) {
        let track = tracks.iter().find(|track| track.name == ours[0].track).context("a lab without a track")?;
        let (steps, passed) = ours
            .iter()
            .fold((0, 0), |(steps, passed), lab| (steps + lab.steps.len(), passed + progress.passed(&lab.id())));
        anstream::println!("{}: {} ({passed} of {steps} steps)", track.name, track.title);
        for lab in ours {
            let here = progress.current.as_ref().is_some_and(|at| at.lab == lab.id());
            anstream::println!(
                "{} {:<11} {:<40} {:>3} min  {} of {}",
                if here { ">" } else { " " },
                lab.name(),
                lab.title,
                lab.minutes,
                progress.passed(&lab.id()),
                lab.steps.len()
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows where the student is.
pub fn status() -> anyhow::Result<ExitCode> {
    let file = state::path()?;
    let progress = Progress::load(&file)?;
    let Some(at) = progress.current else {
        anstream::println!("no lab is started; `lab list` shows them, `lab start 1` begins");
        return Ok(ExitCode::SUCCESS);
    };
    let lab = labs::one(&at.lab)?;
    anstream::println!("{}: {}", lab.name(), lab.title);
    for step in &lab.steps {
        let seen = progress.labs.get(&at.lab).and_then(|lab| lab.steps.get(&step.number));
        let word = match seen {
            Some(seen) if seen.skipped.is_some() => "skipped",
            Some(seen) if seen.passed.is_some() => "passed",
            Some(_) => "begun",
            None => "",
        };
        let here = if step.number == at.step { ">" } else { " " };
        anstream::println!("{here} {}  {:<48} {word}", step.number, step.title);
    }
    anstream::println!("kept in {}", file.display());
    Ok(ExitCode::SUCCESS)
}

/// Lists rows and the steps that cover them.
pub fn coverage(args: &Coverage) -> anyhow::Result<ExitCode> {
    let rows = coverage::rows(&labs::all()?);
    if args.json {
        anstream::println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(ExitCode::SUCCESS);
    }
    for row in rows.iter().filter(|row| args.all || row.covered()) {
        let steps = if row.covered() { row.steps.join(" ") } else { "-".to_owned() };
        anstream::println!("{:<4} {:<20} {}", row.id, steps, row.title.unwrap_or_default());
    }
    anstream::println!("{} (steps are TRACK/LAB.STEP)", coverage::sum(&rows));
    Ok(ExitCode::SUCCESS)
}
