//! One student's progress as a report that can be handed in.

mod page;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::lab::Lab;
use crate::seal::{self, Seal, Verdict};
use crate::state::{Measured, Progress, now};

/// A report with its seal, as it is handed in.
#[derive(Debug, Clone, PartialEq)]
pub struct Sealed {
    /// What is reported.
    pub report: Report,
    /// The report as it stands in the file: the seal is over these bytes.
    json: String,
    /// Over the report's JSON.
    pub seal: Seal,
}

/// The file's form. The report is kept as it is written, whatever a later or earlier program has in it.
#[derive(Serialize, Deserialize)]
struct File {
    report: Box<RawValue>,
    seal: Seal,
}

/// Version of a report's form. A new field needs no new version: who lacks it goes without.
const SCHEMA: u32 = 1;

/// What is reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this form.
    pub schema: u32,
    /// Who it is, as they call themselves.
    pub student: String,
    /// When it was written, in seconds since 1970.
    pub written: u64,
    /// The labs that were begun.
    pub labs: Vec<LabReport>,
}

/// One lab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabReport {
    /// What it is known by, `coins/compose`; reports of older programs have only the number.
    #[serde(default)]
    pub id: String,
    /// Its number in its track.
    pub number: usize,
    /// Its title.
    pub title: String,
    /// Its steps, those not begun too.
    pub steps: Vec<StepReport>,
}

/// One step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepReport {
    /// Its number.
    pub number: usize,
    /// Its title.
    pub title: String,
    /// Whether its checks have passed, or it was skipped.
    pub passed: bool,
    /// Why it was skipped, where the Swarm lacked what it needs: nobody did it.
    pub skipped: Option<String>,
    /// From when it was shown until it passed.
    pub seconds: Option<u64>,
    /// How often it was checked.
    pub checks: u32,
    /// How often the hint was read.
    pub hints: u32,
    /// How often the solution was read.
    pub solutions: u32,
    /// All answers; the first is the prediction.
    pub answers: Vec<char>,
    /// Whether the prediction was right, where there was one.
    pub predicted: Option<bool>,
    /// What was measured.
    pub measured: Vec<Measured>,
}

/// How far somebody is with a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Not begun.
    Before,
    /// Begun, and not passed.
    At,
    /// Passed.
    Passed,
    /// Passed after the solution was read.
    Solved,
    /// Skipped, as the Swarm lacked what it needs.
    Skipped,
}

impl Mark {
    /// Whether the student has done the step.
    pub fn done(self) -> bool {
        matches!(self, Mark::Passed | Mark::Solved)
    }

    /// As a square.
    pub fn square(self, title: &str) -> String {
        let (class, word) = match self {
            Mark::Before => ("", "not begun"),
            Mark::At => ("tried", "at it"),
            Mark::Passed => ("passed", "passed"),
            Mark::Solved => ("solved", "passed, with the solution"),
            Mark::Skipped => ("skipped", "skipped"),
        };
        format!(
            "<span class='step {class}' role=img aria-label='{word}' title='{}: {word}'></span>",
            style::escape(title)
        )
    }
}

/// What the squares mean.
pub(crate) fn key() -> String {
    let one = |mark: Mark, word: &str| format!("<span>{}{word}</span>", mark.square(""));
    format!(
        "<p class=key>{}{}{}{}{}</p>",
        one(Mark::Passed, "passed"),
        one(Mark::Solved, "passed, with the solution"),
        one(Mark::Skipped, "skipped"),
        one(Mark::At, "at it"),
        one(Mark::Before, "not begun")
    )
}

impl StepReport {
    /// How far the student is with it.
    pub fn mark(&self) -> Mark {
        let begun = self.checks > 0 || self.hints > 0 || self.solutions > 0 || !self.answers.is_empty();
        if self.passed && self.skipped.is_some() {
            return Mark::Skipped;
        }
        match (self.passed, self.solutions > 0, begun) {
            (true, false, _) => Mark::Passed,
            (true, true, _) => Mark::Solved,
            (false, _, true) => Mark::At,
            (false, _, false) => Mark::Before,
        }
    }
}

impl Report {
    /// Makes the report of what a student did.
    pub fn new(progress: &Progress, labs: &[Lab]) -> Report {
        let begun = labs.iter().filter_map(|lab| Some((lab, progress.labs.get(&lab.id())?)));
        let labs = begun.map(|(lab, done)| LabReport {
            id: lab.id(),
            number: lab.number,
            title: lab.title.clone(),
            steps: lab
                .steps
                .iter()
                .map(|step| {
                    let seen = done.steps.get(&step.number).cloned().unwrap_or_default();
                    let right = step.question.as_ref().map(|question| question.right);
                    let done = seen.passed.filter(|_| seen.skipped.is_none());
                    StepReport {
                        number: step.number,
                        title: step.title.clone(),
                        passed: seen.passed.is_some(),
                        skipped: seen.skipped,
                        seconds: done.map(|passed| passed.saturating_sub(seen.begun)),
                        checks: seen.checks,
                        hints: seen.hints,
                        solutions: seen.solutions,
                        predicted: seen.answers.first().zip(right).map(|(given, right)| *given == right),
                        answers: seen.answers,
                        // More digits than the clock is good for help nobody.
                        measured: seen.measured.into_iter().map(rounded).collect(),
                    }
                })
                .collect(),
        });
        Report { schema: SCHEMA, student: progress.student.clone(), written: now(), labs: labs.collect() }
    }

    /// Seals it.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn seal(self, key: Option<&[u8]>) -> Result<Sealed> {
        let json = serde_json::to_string_pretty(&self)?;
        let seal = seal::seal(&seal::sealed_bytes(&json), key);
        Ok(Sealed { report: self, json, seal })
    }

    /// Predictions that were right, of those that were made.
    pub fn predictions(&self) -> (usize, usize) {
        let made: Vec<bool> = self.steps().filter_map(|step| step.predicted).collect();
        (made.iter().filter(|right| **right).count(), made.len())
    }

    /// Minutes from showing a step until it passed, over all steps.
    pub fn minutes(&self) -> f64 {
        // A sum of nothing is -0.0 by itself.
        self.steps().filter_map(|step| step.seconds).fold(0.0, |sum, seconds| sum + seconds as f64 / 60.0)
    }

    /// All steps.
    pub fn steps(&self) -> impl Iterator<Item = &StepReport> {
        self.labs.iter().flat_map(|lab| &lab.steps)
    }
}

fn rounded(measured: Measured) -> Measured {
    Measured { hashes_per_second: (measured.hashes_per_second * 100.0).round() / 100.0, ..measured }
}

impl Sealed {
    /// Reads what `to_json` wrote, or an earlier version of it.
    ///
    /// # Errors
    /// When it is no report.
    pub fn from_json(text: &str) -> Result<Sealed> {
        let file: File = serde_json::from_str(text)?;
        let json = file.report.get().to_owned();
        let report: Report = serde_json::from_str(&json)?;
        if report.schema > SCHEMA {
            bail!("it is of version {}, and this program knows {SCHEMA}: a newer `lab` wrote it", report.schema);
        }
        Ok(Sealed { report, json, seal: file.seal })
    }

    /// The file that is handed in.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        let file = File { report: RawValue::from_string(self.json.clone())?, seal: self.seal.clone() };
        Ok(serde_json::to_string_pretty(&file)? + "\n")
    }

    /// What the seal says.
    pub fn verdict(&self, key: Option<&[u8]>) -> Verdict {
        seal::verify(&seal::sealed_bytes(&self.json), &self.seal, key)
    }

    /// As a page.
    pub fn html(&self) -> String {
        page::html(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Position;

    fn progress() -> Progress {
        let mut progress = Progress { schema: 1, student: "Ada <Lovelace>".to_owned(), ..Progress::default() };
        let step = progress.step(&Position { lab: "coins/bottleneck".to_owned(), step: 2 });
        step.answers = vec!['a', 'c'];
        step.passed = Some(step.begun + 90);
        step.hints = 1;
        step.measured = vec![Measured { workers: 10, hashes_per_second: 9.987_654_321 }];
        progress
    }

    #[test]
    fn what_was_done_is_in_the_report_and_on_the_page() {
        let report = Report::new(&progress(), &crate::labs::all().unwrap());
        let step = &report.labs[0].steps[1];
        assert_eq!((step.passed, step.seconds, step.hints, step.predicted), (true, Some(90), 1, Some(false)));
        assert_eq!(step.measured[0].hashes_per_second, 9.99);
        let html = report.seal(None).unwrap().html();
        assert!(html.contains("Ada &lt;Lovelace&gt;") && !html.contains("<Lovelace>"));
        assert!(html.contains("9.99 hashes/s") && html.contains("<circle"));
    }

    #[test]
    fn a_step_that_was_skipped_is_told_from_one_that_was_done() {
        let mut progress = progress();
        progress.step(&Position { lab: "coins/bottleneck".to_owned(), step: 3 }).skip("there are 2 nodes".to_owned());
        let report = Report::new(&progress, &crate::labs::all().unwrap());
        let marks: Vec<Mark> = report.labs[0].steps.iter().map(StepReport::mark).collect();
        assert_eq!(marks[..3], [Mark::Before, Mark::Passed, Mark::Skipped]);
        let html = report.seal(None).unwrap().html();
        assert!(html.contains("skipped: there are 2 nodes") && html.contains("1 of 4 steps"), "{html}");
    }

    #[test]
    fn a_report_that_was_edited_is_found_out_after_a_round_trip() {
        let key = b"the class key".as_slice();
        let sealed = Report::new(&progress(), &crate::labs::all().unwrap()).seal(Some(key)).unwrap();
        let text = sealed.to_json().unwrap();
        let read = Sealed::from_json(&text).unwrap();
        assert_eq!((&read, read.verdict(Some(key))), (&sealed, Verdict::Genuine));
        let edited = Sealed::from_json(&text.replacen("\"hints\": 1", "\"hints\": 0", 1)).unwrap();
        assert_eq!(edited.verdict(Some(key)), Verdict::Broken);
    }

    /// What a later version may write, and what an earlier one did: the seals were made by another program, with
    /// `printf '%s' "$COMPACT" | openssl dgst -sha256 -hmac 'the class key'`.
    #[test]
    fn a_field_more_or_less_breaks_no_seal() {
        let key = b"the class key".as_slice();
        for (report, made) in [
            (
                r#"{ "schema": 1, "student": "Ada", "written": 5, "mood": 1.50, "labs": [] }"#,
                "a249e3ceda8fcac40a593f60bce7cc7005cf53b66ab49b71ffce525f913adc44",
            ),
            (
                r#"{"schema":1,"student":"Ada","written":5,"labs":[{"number":1,"title":"T","steps":[{"number":1,"title":"S","passed":true}]}]}"#,
                "83ce87401bc2a5b9dff394b67bd8da54cdde5910a1f21bb21ae51d847bd23a89",
            ),
        ] {
            let text = format!(r#"{{"report": {report}, "seal": {{"kind": "hmac-sha256", "value": "{made}"}}}}"#);
            let read = Sealed::from_json(&text).unwrap();
            assert_eq!(read.verdict(Some(key)), Verdict::Genuine, "{report}");
            // What is read can be handed on.
            assert_eq!(Sealed::from_json(&read.to_json().unwrap()).unwrap(), read);
        }
    }

    #[test]
    fn a_report_of_a_version_to_come_is_named() {
        let text = r#"{"report":{"schema":9,"student":"","written":0,"labs":[]},"seal":{"kind":"sha256","value":""}}"#;
        assert!(Sealed::from_json(text).unwrap_err().to_string().contains("of version 9"));
    }
}
