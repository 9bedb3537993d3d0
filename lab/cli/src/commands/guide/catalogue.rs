//! Which labs there are, how far the student is, and what the labs cover.

use std::process::ExitCode;

use ::guide::lab::Lab;
use ::guide::labs::Track;
use ::guide::state::{self, Progress};
use ::guide::{coverage, labs};
use anyhow::Context as _;
use serde_json::{Value, json};

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

/// Options of the list of labs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  lab list               # the tracks, and the labs of the one that you are in
  lab list --all
  lab list --json        # all of them, with your progress")]
pub struct List {
    /// The labs of every track; without it those of the track that you are in, or all of the class's where it has a list
    #[arg(long)]
    all: bool,
    /// Print all of them as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    syllabus: Syllabus,
}

/// Labs of a track that follow one another.
#[derive(Debug)]
struct Part {
    track: String,
    title: String,
    passed: usize,
    steps: usize,
    labs: Vec<Line>,
}

/// A lab, and how far the student is in it.
#[derive(Debug)]
struct Line {
    lab: String,
    title: String,
    minutes: u32,
    passed: usize,
    steps: usize,
    /// The student is in it.
    current: bool,
}

/// Lists the labs.
pub fn list(args: &List) -> anyhow::Result<ExitCode> {
    let progress = Progress::load(&state::path()?)?;
    let parts = parts(&args.syllabus.labs()?, &labs::tracks()?, &progress)?;
    if args.json {
        anstream::println!("{}", serde_json::to_string_pretty(&value(&parts))?);
        return Ok(ExitCode::SUCCESS);
    }
    anstream::print!("{}", shown(&parts, args.all || args.syllabus.given()));
    Ok(ExitCode::SUCCESS)
}

/// In the order of the class, which may come back to a track.
fn parts(chosen: &[Lab], tracks: &[Track], progress: &Progress) -> anyhow::Result<Vec<Part>> {
    let part = |ours: &[Lab]| {
        let track = tracks.iter().find(|track| track.name == ours[0].track).context("a lab without a track")?;
        let line = |lab: &Lab| Line {
            lab: lab.name(),
            title: lab.title.clone(),
            minutes: lab.minutes,
            passed: progress.passed(&lab.id()),
            steps: lab.steps.len(),
            current: progress.current.as_ref().is_some_and(|at| at.lab == lab.id()),
        };
        let labs: Vec<Line> = ours.iter().map(line).collect();
        Ok(Part {
            track: track.name.clone(),
            title: track.title.clone(),
            passed: labs.iter().map(|lab| lab.passed).sum(),
            steps: labs.iter().map(|lab| lab.steps).sum(),
            labs,
        })
    };
    chosen.chunk_by(|one, next| one.track == next.track).map(part).collect()
}

/// All of it, for machines.
fn value(parts: &[Part]) -> Value {
    let lab = |lab: &Line| json!({"lab": lab.lab, "title": lab.title, "minutes": lab.minutes, "passed": lab.passed, "steps": lab.steps, "current": lab.current});
    let part = |part: &Part| {
        let labs: Vec<Value> = part.labs.iter().map(lab).collect();
        json!({"track": part.track, "title": part.title, "passed": part.passed, "steps": part.steps, "labs": labs})
    };
    Value::Array(parts.iter().map(part).collect())
}

/// A line a track, with the labs of all of them or of the one that the student is in; who is in none begins with the first.
fn shown(parts: &[Part], all: bool) -> String {
    let here = parts.iter().find(|part| part.labs.iter().any(|lab| lab.current)).or(parts.first());
    let mut out = String::new();
    let mut hidden = None;
    for part in parts {
        let Part { track, title, passed, steps, labs } = part;
        if !all && here.is_some_and(|here| here.track != *track) {
            hidden = hidden.or(labs.first());
            out.push_str(&format!("{track}: {title} ({} labs, {passed} of {steps} steps)\n", labs.len()));
            continue;
        }
        out.push_str(&format!("{track}: {title} ({passed} of {steps} steps)\n"));
        for Line { lab, title, minutes, passed, steps, current } in labs {
            let mark = if *current { ">" } else { " " };
            out.push_str(&format!("{mark} {lab:<11} {title:<40} {minutes:>3} min  {passed} of {steps}\n"));
        }
    }
    if let Some(lab) = hidden {
        out.push_str(&format!("`lab list --all` shows the labs of every track; `lab start {}` begins one.\n", lab.lab));
    }
    out
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

#[cfg(test)]
mod tests {
    use ::guide::state::Position;

    use super::*;

    #[test]
    fn the_list_fits_a_screen_and_names_every_track_and_the_labs_of_one_s_own() {
        let (labs, tracks) = (labs::all().unwrap(), labs::tracks().unwrap());
        let mut progress = Progress::default();
        for (at, track) in [(None, "coins"), (labs.iter().find(|lab| lab.track == "web"), "web")] {
            progress.current = at.map(|lab| Position { lab: lab.id(), step: 1 });
            let parts = parts(&labs, &tracks, &progress).unwrap();
            let text = shown(&parts, false);
            assert!(text.lines().count() < 24 && text.lines().all(|line| line.chars().count() <= 80), "{text}");
            assert!(tracks.iter().all(|track| text.contains(&format!("{}: {} (", track.name, track.title))), "{text}");
            for lab in &labs {
                assert_eq!(text.contains(&format!(" {} ", lab.name())), lab.track == track, "{}: {text}", lab.name());
            }
            assert!(text.contains("lab list --all"), "{text}");
            let all = shown(&parts, true);
            assert!(labs.iter().all(|lab| all.contains(&lab.title)) && !all.contains("--all"), "{all}");
            let json = value(&parts).to_string();
            assert!(labs.iter().all(|lab| json.contains(&format!("\"lab\":\"{}\"", lab.name()))), "{json}");
        }
    }
}
