//! The reports of a class, joined into one table.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::html::{escape, page};
use crate::lab::Lab;
use crate::report::{Report, Sealed};
use crate::seal::{self, Verdict};

/// One student's line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Who it is.
    pub student: String,
    /// Passed steps of each lab, in the labs' order.
    pub passed: Vec<usize>,
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
    /// The file that it comes from.
    pub file: String,
}

/// Reads reports: files, or all `.json` files of a folder. A later report of the same student replaces an earlier one.
///
/// # Errors
/// When a file is no report, or there is none.
pub fn read(paths: &[PathBuf], labs: &[Lab], key: Option<&[u8]>) -> Result<Vec<Line>> {
    let mut newest: Vec<(u64, Line)> = Vec::new();
    for file in files(paths)? {
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let sealed: Sealed = serde_json::from_str(&text).with_context(|| format!("{} is no report", file.display()))?;
        let line = line(&sealed, labs, key, &file);
        let written = sealed.report.written;
        match newest.iter_mut().find(|(_, other)| other.student == line.student) {
            // A report that was tampered with must not push out an honest one, however late it claims to be.
            Some(kept) if (line.verdict.sound(), written) >= (kept.1.verdict.sound(), kept.0) => {
                *kept = (written, line);
            }
            Some(_) => {}
            None => newest.push((written, line)),
        }
    }
    let mut lines: Vec<Line> = newest.into_iter().map(|(_, line)| line).collect();
    lines.sort_by_key(|line| line.student.to_lowercase());
    Ok(lines)
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        for entry in std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
            files.push(entry?.path());
        }
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json") || !file.exists());
    files.sort();
    if files.is_empty() {
        bail!("there is no report, no .json file, in what was named");
    }
    Ok(files)
}

fn line(sealed: &Sealed, labs: &[Lab], key: Option<&[u8]>, file: &Path) -> Line {
    let report: &Report = &sealed.report;
    let of = |number: usize| report.labs.iter().find(|lab| lab.number == number);
    let count = |lab: &Lab| of(lab.number).map_or(0, |lab| lab.steps.iter().filter(|step| step.passed).count());
    let made: Vec<bool> = report.steps().filter_map(|step| step.predicted).collect();
    Line {
        student: report.student.clone(),
        passed: labs.iter().map(count).collect(),
        minutes: report.steps().filter_map(|step| step.seconds).sum::<u64>() as f64 / 60.0,
        hints: report.steps().map(|step| step.hints).sum(),
        solutions: report.steps().map(|step| step.solutions).sum(),
        predicted: (made.iter().filter(|right| **right).count(), made.len()),
        verdict: seal::verify(&report.text(), &sealed.seal, key),
        file: file.display().to_string(),
    }
}

/// The table for a spreadsheet.
pub fn csv(lines: &[Line], labs: &[Lab]) -> String {
    let mut out = String::from("student");
    for lab in labs {
        out.push_str(&format!(",lab {} of {}", lab.number, lab.steps.len()));
    }
    out.push_str(",minutes,hints,solutions,predicted,predictions,seal,file\n");
    for line in lines {
        out.push_str(&cell(&line.student));
        for passed in &line.passed {
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
    let safe = if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text.to_owned() };
    if safe.contains([',', '"', '\n', '\r']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

/// The table as a page.
pub fn html(lines: &[Line], labs: &[Lab]) -> String {
    let mut body = format!("<h1>{} students</h1><table><thead><tr><th>Student", lines.len());
    for lab in labs {
        body.push_str(&format!("<th title='{}'>{}", escape(&lab.title), lab.number));
    }
    body.push_str("<th>Minutes<th>Hints<th>Solutions<th>Predicted<th>Seal</tr></thead><tbody>");
    for line in lines {
        body.push_str(&format!("<tr><td>{}", escape(&line.student)));
        for (passed, lab) in line.passed.iter().zip(labs) {
            body.push_str(&format!("<td>{passed}/{}", lab.steps.len()));
        }
        let class = if !line.verdict.sound() { " class=broken" } else { "" };
        body.push_str(&format!(
            "<td>{:.0}<td>{}<td>{}<td>{} of {}<td{class}>{}</tr>",
            line.minutes,
            line.hints,
            line.solutions,
            line.predicted.0,
            line.predicted.1,
            line.verdict.words()
        ));
    }
    body.push_str("</tbody></table><p class=small>Labs: ");
    let titles: Vec<String> = labs.iter().map(|lab| format!("{} {}", lab.number, escape(&lab.title))).collect();
    body.push_str(&titles.join(", "));
    body.push_str(
        ". A seal shows that a report was not changed after it was written by a program that had the key. It does not show who did the work.</p>",
    );
    page("The class", &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Position, Progress};

    fn report(student: &str, passed: bool, written: u64, key: Option<&[u8]>) -> Sealed {
        let mut progress = Progress { student: student.to_owned(), ..Progress::default() };
        let step = progress.step(Position { lab: 1, step: 1 });
        step.passed = passed.then_some(step.begun + 60);
        let mut report = Report::new(&progress, &crate::labs::all().unwrap());
        report.written = written;
        report.seal(key)
    }

    #[test]
    fn the_newest_honest_report_of_each_student_counts() {
        let (folder, labs, key) = (tempfile::tempdir().unwrap(), crate::labs::all().unwrap(), b"the key".as_slice());
        let write = |name: &str, sealed: &Sealed| {
            std::fs::write(folder.path().join(name), serde_json::to_string(sealed).unwrap()).unwrap();
        };
        write("a.json", &report("Ada", false, 10, Some(key)));
        write("b.json", &report("Ada", true, 20, Some(key)));
        let mut forged = report("Ada", true, 30, Some(key));
        forged.report.labs[0].steps[1].passed = true;
        write("c.json", &forged);
        write("d.json", &report("=cmd(), \"x\"", true, 5, None));
        std::fs::write(folder.path().join("notes.txt"), "no report").unwrap();
        let lines = read(&[folder.path().to_owned()], &labs, Some(key)).unwrap();
        let seen: Vec<(&str, usize, Verdict)> =
            lines.iter().map(|line| (line.student.as_str(), line.passed[0], line.verdict)).collect();
        assert_eq!(seen, [("=cmd(), \"x\"", 1, Verdict::Unkeyed), ("Ada", 1, Verdict::Genuine)]);
        let csv = csv(&lines, &labs);
        assert!(csv.contains("\n\"'=cmd(), \"\"x\"\"\",1,0,0,0,0,0,0,0,1.0,0,0,"), "{csv}");
        assert!(html(&lines, &labs).contains("=cmd(), &quot;x&quot;<td>1/5"));
    }

    #[test]
    fn nothing_to_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(&[folder.path().to_owned()], &[], None).unwrap_err().to_string().contains("no report"));
        std::fs::write(folder.path().join("x.json"), "{}").unwrap();
        assert!(read(&[folder.path().to_owned()], &[], None).unwrap_err().to_string().contains("is no report"));
    }
}
