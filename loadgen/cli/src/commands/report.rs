//! Makes the report of a sweep or a grid again.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use sweep::file::Found;

use super::out;
use super::prose::prose;

const EXAMPLES: &str = "\
Examples:
  loadgen report out/                        write out/report.html from out/sweep.json
  loadgen report sweep.json --out mine.html  another file
  loadgen report out/ --out - > mine.html    standard output

The report is made from sweep.json (or grid.json) alone, so it can be made again at any time, on any machine.

Exit codes:
  0    done
  1    the sweep cannot be read or the report cannot be written
  2    wrong usage";

/// Make report.html of a sweep or a grid again
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The folder of a sweep or a grid, or its sweep.json or grid.json
    #[arg(value_name = "FOLDER|FILE")]
    sweep: PathBuf,
    /// Where to write it; `-` is standard output; without it, report.html beside the file that was read
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes the report and says where it is.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (html, sentence) = match sweep::file::read_either(&args.sweep)? {
        Found::Sweep(sweep) => (sweep::report::html(&sweep), sweep.verdict.sentence.clone()),
        Found::Grid(grid) => (sweep::report::grid::html(&grid), grid.sentence()),
    };
    let path = match &args.out {
        Some(path) if path.as_os_str() == "-" => {
            out::bytes(html.as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(path) => path.clone(),
        None => sweep::file::locate(&args.sweep).with_file_name("report.html"),
    };
    std::fs::write(&path, html).with_context(|| format!("{} cannot be written", path.display()))?;
    out::line(format_args!("{}\nReport: {}", prose(&sentence), path.display()))?;
    Ok(ExitCode::SUCCESS)
}
