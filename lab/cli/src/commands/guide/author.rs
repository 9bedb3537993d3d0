//! For whoever writes labs.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::Mutex;

use ::guide::author::{self, Walked};
use ::guide::lab::Lab;
use ::guide::place::Place;
use ::guide::{coverage, files, labs, lint};
use anyhow::bail;
use clap::Subcommand;

use super::Nodes;

/// Prove that labs work: every check fails before its step and passes after its solution
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Walk labs on the nodes without a person, and take away what they made
    Check(Check),
}

#[derive(Debug, clap::Args)]
struct Check {
    /// The labs: a track, `web/2`, or a number of the first track; without any, all
    labs: Vec<String>,
    /// Only this step of one lab; those before it are done by their solutions
    #[arg(long, value_name = "N")]
    step: Option<usize>,
    /// Where the labs' files are, to see that links in them lead somewhere
    #[arg(long, value_name = "DIR", env = "LAB_FOLDER", default_value = "lab/labs")]
    folder: std::path::PathBuf,
    /// One more cluster to walk on: the labs are shared out among all of them, side by side
    #[arg(long, value_name = "NAME")]
    beside: Vec<cluster::Name>,
    #[command(flatten)]
    nodes: Nodes,
}

/// The labs that are meant.
fn chosen(words: &[String]) -> anyhow::Result<Vec<Lab>> {
    let all = labs::all()?;
    if words.is_empty() {
        return Ok(all);
    }
    let mut chosen = Vec::new();
    for word in words {
        let track: Vec<Lab> = all.iter().filter(|lab| lab.track == *word).cloned().collect();
        if track.is_empty() {
            chosen.push(labs::find(&all, word)?.clone());
        } else {
            chosen.extend(track);
        }
    }
    Ok(chosen)
}

/// Walks labs.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Command::Check(args) = args.command;
    let chosen = chosen(&args.labs)?;
    if args.step.is_some() && chosen.len() != 1 {
        bail!("--step is for one lab; give it as `web/2`");
    }
    let dead: Vec<String> = files::files()?
        .labs
        .iter()
        .flat_map(|lab| author::dead_links(&args.folder.join(&lab.folder), &lab.file, &lab.text))
        .collect();
    if !dead.is_empty() {
        bail!("links that lead nowhere: {}", dead.join(", "));
    }
    let unproven: Vec<String> = chosen.iter().flat_map(lint::lab).collect();
    if !unproven.is_empty() {
        bail!("these labs lack something:\n  {}", unproven.join("\n  "));
    }
    let mut places = vec![Place::find(&args.nodes.cluster).await?];
    for name in &args.beside {
        places.push(Place::find(name).await?);
    }
    // Each cluster takes the next lab as soon as it is done with one.
    let queue: Mutex<VecDeque<&Lab>> = Mutex::new(chosen.iter().collect());
    let next = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front();
    let walks = places.iter().map(|place| async {
        let mut walked = Vec::new();
        while let Some(lab) = next() {
            walked.push((lab, walk(place, lab, args.step).await));
        }
        walked
    });
    let (mut sum, mut failed, mut again) = (Walked::default(), Vec::new(), Vec::new());
    let walked: Vec<_> = futures_util::future::join_all(walks).await.into_iter().flatten().collect();
    for (lab, first) in walked {
        // What is measured while another walk uses the same processors may fall short: such a lab is walked once more, alone.
        let walked = match first {
            None if places.len() > 1 => {
                again.push(lab.name());
                walk(&places[0], lab, args.step).await
            }
            first => first,
        };
        match walked {
            Some(walked) => {
                sum.steps += walked.steps;
                sum.held += walked.held;
                sum.mistakes += walked.mistakes;
                sum.skipped.extend(walked.skipped);
            }
            None => failed.push(lab.name()),
        }
    }
    if !again.is_empty() {
        anstream::println!("walked a second time, alone, after failing beside another walk: {}", again.join(", "));
    }
    for skipped in &sum.skipped {
        anstream::println!("skipped: {skipped}");
    }
    if !failed.is_empty() {
        bail!("these labs do not work: {}", failed.join(", "));
    }
    if sum.steps == 0 && sum.skipped.is_empty() {
        bail!("no step was walked");
    }
    anstream::println!(
        "{} steps walked: {} lines held, {} mistakes got their sentence, {} skipped; {}",
        sum.steps,
        sum.held,
        sum.mistakes,
        sum.skipped.len(),
        coverage::sum(&coverage::rows(&labs::all()?))
    );
    Ok(ExitCode::SUCCESS)
}

/// Walks one lab and tells how it went; nothing where it does not work.
async fn walk(place: &Place, lab: &Lab, step: Option<usize>) -> Option<Walked> {
    anstream::println!("{}: {}", lab.name(), lab.title);
    match author::walk(place, lab, step, &|line| anstream::println!("{line}")).await {
        Ok(walked) => {
            anstream::println!(
                "  {}: {} steps in {:.0} s, of which the beginning took {:.0} s; nothing is left",
                lab.name(),
                walked.steps,
                walked.took.as_secs_f64(),
                walked.begun_in.as_secs_f64()
            );
            Some(walked)
        }
        Err(error) => {
            anstream::println!("  FAILED  {error:#}");
            None
        }
    }
}
