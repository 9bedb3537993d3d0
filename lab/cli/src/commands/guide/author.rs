//! For whoever writes labs.

use std::process::ExitCode;

use ::guide::place::Place;
use ::guide::{author, coverage, labs};
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
    /// The labs' numbers; without any, all
    labs: Vec<usize>,
    /// Where the labs' files are, to see that links in them lead somewhere
    #[arg(long, value_name = "DIR", default_value = "lab/labs")]
    folder: std::path::PathBuf,
    #[command(flatten)]
    nodes: Nodes,
}

/// Walks labs.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Command::Check(args) = args.command;
    let all = labs::all()?;
    if let Some(unknown) = args.labs.iter().find(|wanted| all.iter().all(|lab| lab.number != **wanted)) {
        bail!("there is no lab {unknown}; there are 1 to {}", all.len());
    }
    let dead: Vec<String> =
        labs::FILES.iter().flat_map(|(file, text)| author::dead_links(&args.folder, file, text)).collect();
    if !dead.is_empty() {
        bail!("links that lead nowhere: {}", dead.join(", "));
    }
    let place = Place::find(&args.nodes.cluster).await?;
    let (mut steps, mut failed) = (0, Vec::new());
    for lab in all.iter().filter(|lab| args.labs.is_empty() || args.labs.contains(&lab.number)) {
        anstream::println!("lab {}: {}", lab.number, lab.title);
        match author::walk(&place, lab, &|line| anstream::println!("{line}")).await {
            Ok(walked) => {
                steps += walked.steps;
                anstream::println!(
                    "  {} steps in {:.0} s, of which the beginning took {:.0} s; nothing is left",
                    walked.steps,
                    walked.took.as_secs_f64(),
                    walked.begun_in.as_secs_f64()
                );
            }
            Err(error) => {
                anstream::println!("  FAILED  {error:#}");
                failed.push(lab.number.to_string());
            }
        }
    }
    if !failed.is_empty() {
        bail!("these labs do not work: {}", failed.join(", "));
    }
    if steps == 0 {
        bail!("no step was walked");
    }
    let covered = coverage::rows(&all).iter().filter(|row| !row.steps.is_empty()).count();
    anstream::println!("{steps} steps walked; the labs cover {covered} rows");
    Ok(ExitCode::SUCCESS)
}
