//! Makes the report of a sweep or a grid again.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use sweep::file::Found;

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

/// Makes report.html of a sweep or a grid again
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
    let out = match &args.out {
        Some(out) if out.as_os_str() == "-" => {
            std::io::Write::write_all(&mut std::io::stdout(), html.as_bytes())
                .context("the report cannot be written")?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(out) => out.clone(),
        None => sweep::file::locate(&args.sweep).with_file_name("report.html"),
    };
    std::fs::write(&out, html).with_context(|| format!("{} cannot be written", out.display()))?;
    anstream::println!("{}\nReport: {}", sentence, out.display());
    Ok(ExitCode::SUCCESS)
}
