//! For whoever writes labs.

use std::process::ExitCode;

use ::guide::author::{self, Walked};
use ::guide::lab::Lab;
use ::guide::place::Place;
use ::guide::{coverage, labs, lint};
use anyhow::bail;
use clap::Subcommand;

use super::Nodes;

/// Proves that labs work: every check fails before its step and passes after its solution
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
    #[arg(long, value_name = "DIR", default_value = "lab/labs")]
    folder: std::path::PathBuf,
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
    let dead: Vec<String> = labs::LABS
        .iter()
        .flat_map(|(track, file, text)| author::dead_links(&args.folder.join(track), file, text))
        .collect();
    if !dead.is_empty() {
        bail!("links that lead nowhere: {}", dead.join(", "));
    }
    let unproven: Vec<String> = chosen.iter().filter(|lab| lab.track != "coins").flat_map(lint::lab).collect();
    if !unproven.is_empty() {
        bail!("these labs lack something:\n  {}", unproven.join("\n  "));
    }
    let place = Place::find(&args.nodes.cluster).await?;
    let (mut sum, mut failed) = (Walked::default(), Vec::new());
    for lab in &chosen {
        anstream::println!("{}: {}", lab.name(), lab.title);
        match author::walk(&place, lab, args.step, &|line| anstream::println!("{line}")).await {
            Ok(walked) => {
                anstream::println!(
                    "  {} steps in {:.0} s, of which the beginning took {:.0} s; nothing is left",
                    walked.steps,
                    walked.took.as_secs_f64(),
                    walked.begun_in.as_secs_f64()
                );
                sum.steps += walked.steps;
                sum.held += walked.held;
                sum.mistakes += walked.mistakes;
                sum.skipped.extend(walked.skipped);
            }
            Err(error) => {
                anstream::println!("  FAILED  {error:#}");
                failed.push(lab.name());
            }
        }
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
    let covered = coverage::rows(&labs::all()?).iter().filter(|row| !row.steps.is_empty()).count();
    anstream::println!(
        "{} steps walked: {} lines held, {} mistakes got their sentence, {} skipped; all labs cover {covered} rows",
        sum.steps,
        sum.held,
        sum.mistakes,
        sum.skipped.len()
    );
    Ok(ExitCode::SUCCESS)
}
