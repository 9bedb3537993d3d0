//! The reports of a class, joined into one table.

mod page;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::lab::Lab;
use crate::labs::FIRST_TRACK;
use crate::report::{LabReport, Mark, Report, Sealed};
use crate::seal::Verdict;

pub use page::html;

/// Bytes of the largest file that is looked at: a report of all labs has some ten thousand.
const LARGEST: u64 = 8 << 20;

/// One student's line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Who it is.
    pub student: String,
    /// How far each step of each lab is, in the labs' order.
    pub marks: Vec<Vec<Mark>>,
    /// Minutes from showing a step until it passed, over all steps.
    pub minutes: f64,
    /// How often a hint was read.
    pub hints: u32,
    /// How often a solution was read.
    pub solutions: u32,
    /// Predictions that were right, of those that were made.
    pub predicted: (usize, usize),
    /// What the seal says.
    pub verdict: Verdict,
    /// How many reports of that name were handed in; this is the newest of them.
    pub reports: usize,
    /// The file that it comes from.
    pub file: String,
}

impl Line {
    /// Passed steps of each lab, in the labs' order.
    pub fn passed(&self) -> impl Iterator<Item = usize> {
        self.marks.iter().map(|marks| marks.iter().filter(|mark| mark.done()).count())
    }
}

/// What was handed in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Class {
    /// A line for each student.
    pub lines: Vec<Line>,
    /// Files that are no report, and why: they spoil nothing but themselves.
    pub unread: Vec<(String, String)>,
}

/// Reads reports: files, or all `.json` files of a folder. A later report of the same student replaces an earlier one.
///
/// # Errors
/// When there is nothing to read.
pub fn read(paths: &[PathBuf], labs: &[Lab], key: Option<&[u8]>) -> Result<Class> {
    let mut newest: Vec<(u64, Line)> = Vec::new();
    let mut class = Class::default();
    for file in files(paths, &mut class.unread)? {
        let sealed = match one(&file) {
            Ok(sealed) => sealed,
            Err(error) => {
                class.unread.push((harmless(&file.display().to_string()), harmless(&format!("{error:#}"))));
                continue;
            }
        };
        let line = line(&sealed, labs, key, &file);
        let written = sealed.report.written;
        match newest.iter_mut().find(|(_, other)| other.student == line.student) {
            // A report that was tampered with must not push out an honest one, however late it claims to be.
            Some(kept) if (line.verdict.sound(), written) >= (kept.1.verdict.sound(), kept.0) => {
                let reports = kept.1.reports + 1;
                *kept = (written, Line { reports, ..line });
            }
            Some((_, kept)) => kept.reports += 1,
            None => newest.push((written, line)),
        }
    }
    class.lines = newest.into_iter().map(|(_, line)| line).collect();
    class.lines.sort_by_key(|line| line.student.to_lowercase());
    Ok(class)
}

fn one(file: &Path) -> Result<Sealed> {
    // Anything may lie in a folder of a class: a pipe would be waited for, and a film would be read whole.
    let kind = std::fs::metadata(file)?;
    if !kind.is_file() {
        bail!("it is no file");
    }
    if kind.len() > LARGEST {
        bail!("with {} MB it is too large for a report", kind.len() >> 20);
    }
    let text = String::from_utf8(std::fs::read(file)?).context("it is no text")?;
    Sealed::from_json(&text).context("it is no report")
}

fn files(paths: &[PathBuf], unread: &mut Vec<(String, String)>) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        match std::fs::read_dir(path) {
            Ok(entries) => {
                files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_json(path)))
            }
            Err(error) => unread.push((harmless(&path.display().to_string()), format!("it cannot be read: {error}"))),
        }
    }
    files.sort();
    files.dedup();
    if files.is_empty() && unread.is_empty() {
        bail!("there is no report, no .json file, in what was named");
    }
    Ok(files)
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

fn line(sealed: &Sealed, labs: &[Lab], key: Option<&[u8]>, file: &Path) -> Line {
    let report: &Report = &sealed.report;
    // A report of an older program has only numbers, and only the labs of the first track.
    let same = |done: &LabReport, lab: &Lab| match done.id.as_str() {
        "" => lab.track == FIRST_TRACK && done.number == lab.number,
        id => id == lab.id(),
    };
    // The lab's steps are looked up and not the report's counted: it may be of another version, or have some invented.
    let mark = |report: &LabReport, number: usize| {
        report.steps.iter().find(|step| step.number == number).map_or(Mark::Before, |step| step.mark())
    };
    let marks = |lab: &Lab| -> Vec<Mark> {
        let report = report.labs.iter().find(|done| same(done, lab));
        lab.steps.iter().map(|step| report.map_or(Mark::Before, |report| mark(report, step.number))).collect()
    };
    Line {
        student: harmless(&report.student),
        marks: labs.iter().map(marks).collect(),
        minutes: report.minutes(),
        hints: report.steps().fold(0, |sum, step| sum.saturating_add(step.hints)),
        solutions: report.steps().fold(0, |sum, step| sum.saturating_add(step.solutions)),
        predicted: report.predictions(),
        verdict: sealed.verdict(key),
        reports: 1,
        file: harmless(&file.display().to_string()),
    }
}

/// What a student wrote, as it can be shown: no sign moves the cursor of the teacher's terminal, begins a line, or turns the order of signs around.
pub fn harmless(text: &str) -> String {
    let moves = |sign: char| {
        sign.is_control() || matches!(sign, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|sign| if moves(sign) { char::REPLACEMENT_CHARACTER } else { sign }).collect()
}

/// The table for a spreadsheet.
pub fn csv(lines: &[Line], labs: &[Lab]) -> String {
    let mut out = String::from("student");
    for lab in labs {
        out.push_str(&format!(",lab {} of {}", lab.name(), lab.steps.len()));
    }
    out.push_str(",minutes,hints,solutions,predicted,predictions,seal,file\n");
    for line in lines {
        out.push_str(&cell(&line.student));
        for passed in line.passed() {
            out.push_str(&format!(",{passed}"));
        }
        let (right, made) = line.predicted;
        out.push_str(&format!(
            ",{:.1},{},{},{right},{made},{},{}\n",
            line.minutes,
            line.hints,
            line.solutions,
            cell(line.verdict.words()),
            cell(&line.file)
        ));
    }
    out
}

/// A cell that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let safe =
        if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}") } else { text.to_owned() };
    if safe.contains([',', '"', '\n', '\r']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Position, Progress};

    fn report(student: &str, passed: bool, written: u64, key: Option<&[u8]>) -> Sealed {
        let mut progress = Progress { student: student.to_owned(), ..Progress::default() };
        let step = progress.step(&Position { lab: "coins/compose".to_owned(), step: 1 });
        step.passed = passed.then_some(step.begun + 60);
        let mut report = Report::new(&progress, &crate::labs::all().unwrap());
        report.written = written;
        report.seal(key).unwrap()
    }

    #[test]
    fn the_newest_honest_report_of_each_student_counts() {
        let (folder, labs, key) = (tempfile::tempdir().unwrap(), crate::labs::all().unwrap(), b"the key".as_slice());
        let write = |name: &str, sealed: &Sealed| {
            std::fs::write(folder.path().join(name), sealed.to_json().unwrap()).unwrap();
        };
        write("a.json", &report("Ada", false, 10, Some(key)));
        write("b.json", &report("Ada", true, 20, Some(key)));
        let forged =
            report("Ada", true, 30, Some(key)).to_json().unwrap().replace("\"passed\": false", "\"passed\": true");
        std::fs::write(folder.path().join("c.json"), forged).unwrap();
        write("d.json", &report("=cmd(), \"x\"", true, 5, None));
        std::fs::write(folder.path().join("notes.txt"), "no report").unwrap();
        let class = read(&[folder.path().to_owned()], &labs, Some(key)).unwrap();
        let lines = class.lines;
        let seen: Vec<(&str, usize, Verdict)> =
            lines.iter().map(|line| (line.student.as_str(), line.passed().next().unwrap(), line.verdict)).collect();
        assert_eq!(seen, [("=cmd(), \"x\"", 1, Verdict::Unkeyed), ("Ada", 1, Verdict::Genuine)]);
        let csv = csv(&lines, &labs);
        let others = "0,".repeat(labs.len() - 1);
        assert!(csv.contains(&format!("\n\"'=cmd(), \"\"x\"\"\",1,{others}1.0,0,0,")), "{csv}");
        let page = html(&Class { lines, unread: vec![("<x>.json".to_owned(), "it is no report".to_owned())] }, &labs);
        assert!(page.contains("=cmd(), &quot;x&quot;") && page.contains("WITHOUT the class key"), "{page}");
        assert!(page.contains("&lt;x&gt;.json"));
    }

    #[test]
    fn a_name_moves_no_cursor_and_forges_no_line() {
        let (folder, labs) = (tempfile::tempdir().unwrap(), crate::labs::all().unwrap());
        let forged = "Bob\u{1b}[1A\u{1b}[2K\nAda  40 steps  genuine\u{202e}";
        let text = report(forged, true, 5, None).to_json().unwrap();
        std::fs::write(folder.path().join("a\u{1b}[2J\n.json"), text).unwrap();
        std::fs::write(folder.path().join("b\r.json"), "{}").unwrap();
        let class = read(&[folder.path().to_owned()], &labs, None).unwrap();
        let line = &class.lines[0];
        assert_eq!(line.student, "Bob\u{fffd}[1A\u{fffd}[2K\u{fffd}Ada  40 steps  genuine\u{fffd}");
        let shown = [&line.student, &line.file, &class.unread[0].0, &class.unread[0].1];
        assert!(!shown.iter().any(|text| text.contains(char::is_control)), "{shown:?}");
        assert_eq!((cell("\r=1"), cell("\n=1")), ("\"'\r=1\"".to_owned(), "\"'\n=1\"".to_owned()));
    }

    #[test]
    fn who_passed_nothing_took_no_minutes() {
        let (folder, labs) = (tempfile::tempdir().unwrap(), crate::labs::all().unwrap());
        std::fs::write(folder.path().join("a.json"), report("Ada", false, 5, None).to_json().unwrap()).unwrap();
        let class = read(&[folder.path().to_owned()], &labs, None).unwrap();
        assert!(!csv(&class.lines, &labs).contains("-0.0"));
    }

    #[test]
    fn nothing_to_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(&[folder.path().to_owned()], &[], None).unwrap_err().to_string().contains("no report"));
    }

    #[test]
    fn a_bad_file_spoils_nothing_but_itself() {
        let (folder, labs) = (tempfile::tempdir().unwrap(), crate::labs::all().unwrap());
        let at = |name: &str| folder.path().join(name);
        for (name, bytes) in [
            ("a.json", b"{}".as_slice()),
            ("b.json", b""),
            ("c.json", b"\xff\xfe"),
            ("d.json", br#"{"report":{"schema":9,"student":"","written":0,"labs":[]},"seal":{"kind":"","value":""}}"#),
        ] {
            std::fs::write(at(name), bytes).unwrap();
        }
        std::fs::create_dir(at("e.json")).unwrap();
        std::os::unix::fs::symlink(at("nowhere"), at("f.json")).unwrap();
        // Sums of what was never counted must not overflow.
        let mut huge = report("Bob", true, 5, None).report;
        huge.labs[0].steps.iter_mut().for_each(|step| (step.seconds, step.hints) = (Some(u64::MAX), u32::MAX));
        std::fs::write(at("g.json"), huge.seal(None).unwrap().to_json().unwrap()).unwrap();
        std::fs::write(at("h.json"), report("Ada", true, 5, None).to_json().unwrap()).unwrap();
        let class = read(&[folder.path().to_owned(), at("nonsuch.json")], &labs, None).unwrap();
        let names: Vec<&str> = class.lines.iter().map(|line| line.student.as_str()).collect();
        assert_eq!(names, ["Ada", "Bob"]);
        assert_eq!(class.unread.len(), 7, "{:?}", class.unread);
        assert!(class.unread.iter().any(|(file, why)| file.ends_with("d.json") && why.contains("of version 9")));
    }
}
