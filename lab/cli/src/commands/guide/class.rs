//! For the teacher: one student's report, and the table of a class.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::guide::collect;
use ::guide::key::{self, Key};
use ::guide::report::{Report, Sealed};
use ::guide::state::{self, Progress};
use anyhow::Context as _;

use super::Syllabus;

/// Write your progress as a page and as JSON, to hand in
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The JSON is sealed: a change after the writing shows. With the class's key the seal cannot be made
by others; whoever can read the key can, so it does not show who did the work."
)]
pub struct ReportArgs {
    /// Your name; it is kept for the next time
    #[arg(long, value_name = "NAME")]
    student: Option<String>,
    /// The folder for both files
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// File with the class's key
    #[arg(long, env = "LAB_CLASS_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    syllabus: Syllabus,
}

/// Make the key that a class's reports are sealed with
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lab report-key new\n  lab report --key class.key")]
pub struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, clap::Subcommand)]
enum KeyCommand {
    /// Make a key of 256 random bits, in a file that only you can read
    New {
        /// The file, which must not be there yet
        #[arg(default_value = "class.key")]
        file: PathBuf,
    },
}

/// Join reports into a class table: class.html and class.csv
#[derive(Debug, clap::Args)]
pub struct CollectArgs {
    /// Reports, or folders of them
    #[arg(required = true)]
    reports: Vec<PathBuf>,
    /// The folder for both files
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// File with the class's key
    #[arg(long, env = "LAB_CLASS_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    syllabus: Syllabus,
}

/// Writes one student's report.
pub fn report(args: ReportArgs) -> anyhow::Result<ExitCode> {
    let key = args.key.as_deref().map(Key::read).transpose()?.map(Key::to_seal_with).transpose()?;
    let file = state::path()?;
    let progress = match args.student {
        Some(student) => Progress::change(&file, |progress| progress.student = student)?,
        None => Progress::load(&file)?,
    };
    anyhow::ensure!(
        !progress.student.is_empty(),
        "whose report is it?\n  give your name once: `lab report --student \"Ada Lovelace\"`"
    );
    let sealed = Report::new(&progress, &args.syllabus.labs()?).seal(key.as_deref())?;
    let stem = format!("report-{}", plain(&progress.student));
    let before = args.out.join(format!("{stem}.json"));
    if let Some(other) = whose(&before) {
        anyhow::ensure!(
            other == progress.student,
            "{} is the report of {}\n  `--out DIR` keeps this one beside it",
            before.display(),
            collect::harmless(&other)
        );
        anstream::eprintln!("lab: this replaces a report of {}", collect::harmless(&other));
    }
    let json = write(&args.out, &format!("{stem}.json"), &sealed.to_json()?)?;
    let page = write(&args.out, &format!("{stem}.html"), &sealed.html())?;
    anstream::println!("{}\n{}", json.display(), page.display());
    Ok(ExitCode::SUCCESS)
}

/// Who handed in the report in a file, where it holds one.
fn whose(file: &Path) -> Option<String> {
    Some(Sealed::from_json(&std::fs::read_to_string(file).ok()?).ok()?.report.student)
}

/// Writes the class's table.
pub fn collect(args: &CollectArgs) -> anyhow::Result<ExitCode> {
    let key = args.key.as_deref().map(Key::read).transpose()?;
    if let Some(why) = key.as_ref().and_then(|key| key.weakness.as_ref()) {
        anstream::eprintln!("lab: warning: {why}");
    }
    let key = key.map(|key| key.secret);
    let labs = args.syllabus.labs()?;
    let class = collect::read(&args.reports, &labs, key.as_deref())?;
    // Written before anything is said: a terminal that takes no more text costs the table nothing.
    let table = write(&args.out, "class.csv", &collect::csv(&class.lines, &labs))?;
    let page = write(&args.out, "class.html", &collect::html(&class, &labs))?;
    for line in &class.lines {
        let passed: usize = line.passed().sum();
        anstream::println!("{:<30} {passed:>3} steps  {}", line.student, line.verdict.words());
    }
    for (file, why) in &class.unread {
        anstream::eprintln!("lab: left out {file}: {why}");
    }
    anstream::println!("{}\n{}", table.display(), page.display());
    Ok(ExitCode::SUCCESS)
}

/// Makes a class key.
pub fn report_key(args: &KeyArgs) -> anyhow::Result<ExitCode> {
    let KeyCommand::New { file } = &args.command;
    key::make(file)?;
    anstream::println!(
        "{}\nkeep it: with it `lab collect --key` tells who changed a report; whoever reads it can seal one",
        file.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Most bytes of a name in a file's name, of which file systems take 255 in all.
const LONGEST: usize = 120;

/// A name as a part of a file's name.
fn plain(name: &str) -> String {
    let words: Vec<String> = name
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let mut joined = if words.is_empty() { "student".to_owned() } else { words.join("-") };
    while joined.len() > LONGEST {
        joined.pop();
    }
    joined
}

fn write(folder: &Path, name: &str, text: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_become_file_names() {
        assert_eq!(super::plain("Ada Lovelace"), "ada-lovelace");
        assert_eq!(super::plain("../../etc/Zoë"), "etc-zoë");
        assert_eq!(super::plain("..."), "student");
        assert_eq!(super::plain(&"zoë".repeat(100)).len(), 120);
        assert!(super::plain(&format!("a{}", "ë".repeat(100))).ends_with('ë'));
    }
}
