//! One student's progress as a report that can be handed in.

use serde::{Deserialize, Serialize};

use crate::html::{escape, page};
use crate::lab::Lab;
use crate::seal::{self, Seal};
use crate::state::{Measured, Progress, now};

/// A report with its seal, as it is handed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sealed {
    /// What is reported.
    pub report: Report,
    /// Over the report's compact JSON.
    pub seal: Seal,
}

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
    /// Its number.
    pub number: usize,
    /// Its title.
    pub title: String,
    /// Its steps, those not begun too.
    pub steps: Vec<StepReport>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// Its number.
    pub number: usize,
    /// Its title.
    pub title: String,
    /// Whether its checks have passed.
    pub passed: bool,
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

impl Report {
    /// Makes the report of what a student did.
    pub fn new(progress: &Progress, labs: &[Lab]) -> Report {
        let begun = labs.iter().filter_map(|lab| Some((lab, progress.labs.get(&lab.number)?)));
        let labs = begun.map(|(lab, done)| LabReport {
            number: lab.number,
            title: lab.title.clone(),
            steps: lab
                .steps
                .iter()
                .map(|step| {
                    let seen = done.steps.get(&step.number).cloned().unwrap_or_default();
                    let right = step.question.as_ref().map(|question| question.right);
                    StepReport {
                        number: step.number,
                        title: step.title.clone(),
                        passed: seen.passed.is_some(),
                        seconds: seen.passed.map(|passed| passed.saturating_sub(seen.begun)),
                        checks: seen.checks,
                        hints: seen.hints,
                        solutions: seen.solutions,
                        predicted: seen.answers.first().zip(right).map(|(given, right)| *given == right),
                        answers: seen.answers,
                        // Few digits come out of JSON as they went in, which the seal relies on.
                        measured: seen.measured.into_iter().map(rounded).collect(),
                    }
                })
                .collect(),
        });
        Report { schema: 1, student: progress.student.clone(), written: now(), labs: labs.collect() }
    }

    /// Seals it.
    pub fn seal(self, key: Option<&[u8]>) -> Sealed {
        let seal = seal::seal(&self.text(), key);
        Sealed { report: self, seal }
    }

    /// What the seal is over.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
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
    /// As a page.
    pub fn html(&self) -> String {
        let report = &self.report;
        let passed = report.steps().filter(|step| step.passed).count();
        let mut body = format!(
            "<h1>{}</h1><p>{passed} of {} steps passed in {} labs.</p>",
            escape(&report.student),
            report.steps().count(),
            report.labs.len()
        );
        body.push_str(&curve(report));
        for lab in &report.labs {
            body.push_str(&format!("<h2>Lab {}: {}</h2>", lab.number, escape(&lab.title)));
            body.push_str(
                "<table><thead><tr><th>Step<th>Passed<th>Minutes<th>Checks<th>Hints<th>Solutions<th>Answers<th>Measured</tr></thead><tbody>",
            );
            for step in &lab.steps {
                body.push_str(&row(step));
            }
            body.push_str("</tbody></table>");
        }
        body.push_str(&format!(
            "<p class=small>Seal ({}): <code>{}</code> over the JSON beside this page. It shows a change after the writing; it does not show who did the work.</p>",
            escape(&self.seal.kind),
            escape(&self.seal.value)
        ));
        page(&format!("Labs of {}", report.student), &body)
    }
}

fn row(step: &StepReport) -> String {
    let minutes = step.seconds.map_or_else(String::new, |seconds| format!("{:.1}", seconds as f64 / 60.0));
    let mark = match step.predicted {
        Some(true) => " (right at once)",
        Some(false) | None => "",
    };
    let answers: String = step.answers.iter().map(|letter| format!("{letter} ")).collect();
    let measured: Vec<String> =
        step.measured.iter().map(|m| format!("{} hashes/s, {} workers", m.hashes_per_second, m.workers)).collect();
    format!(
        "<tr class={}><td>{}. {}<td>{}<td>{minutes}<td>{}<td>{}<td>{}<td>{}{mark}<td>{}</tr>",
        if step.passed { "yes" } else { "no" },
        step.number,
        escape(&step.title),
        if step.passed { "yes" } else { "no" },
        step.checks,
        step.hints,
        step.solutions,
        escape(answers.trim()),
        measured.join("; ")
    )
}

/// The speeds that were measured, over the number of workers.
fn curve(report: &Report) -> String {
    let points: Vec<(&LabReport, Measured)> = report
        .labs
        .iter()
        .flat_map(|lab| lab.steps.iter().flat_map(move |step| step.measured.iter().map(move |m| (lab, *m))))
        .collect();
    if points.is_empty() {
        return String::new();
    }
    let (right, top) = points
        .iter()
        .fold((10.0_f64, 35.0_f64), |(right, top), (_, m)| (right.max(m.workers as f64), top.max(m.hashes_per_second)));
    let x = |workers: f64| 50.0 + workers / right * 520.0;
    let y = |speed: f64| 220.0 - speed / top * 200.0;
    let mut svg = String::from(
        "<h2>What was measured</h2><svg viewBox='0 0 620 260' role=img aria-label='hashes a second over workers'>",
    );
    for speed in [0.0, 10.0, 20.0, 30.0] {
        let at = y(speed);
        svg.push_str(&format!(
            "<line x1=50 x2=570 y1={at:.0} y2={at:.0} class=grid /><text x=42 y={:.0} text-anchor=end>{speed}</text>",
            at + 4.0
        ));
    }
    for workers in [1.0, 2.0, 5.0, 10.0] {
        svg.push_str(&format!("<text x={:.0} y=238 text-anchor=middle>{workers}</text>", x(workers)));
    }
    svg.push_str(&format!(
        "<text x=310 y=256 text-anchor=middle>workers</text><text x=50 y=12>hashes/s</text><line x1={:.0} y1={:.0} x2={:.0} y2={:.0} class=ideal />",
        x(0.0),
        y(0.0),
        x(10.0),
        y(100.0 / 3.0)
    ));
    for (lab, m) in points {
        svg.push_str(&format!(
            "<circle cx={:.1} cy={:.1} r=5><title>lab {}: {} hashes/s with {} workers</title></circle>",
            x(m.workers as f64),
            y(m.hashes_per_second),
            lab.number,
            m.hashes_per_second,
            m.workers
        ));
    }
    svg.push_str("</svg><p class=small>The line is what workers alone would do: 3.33 hashes/s each.</p>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{Verdict, verify};
    use crate::state::Position;

    fn progress() -> Progress {
        let mut progress = Progress { schema: 1, student: "Ada <Lovelace>".to_owned(), ..Progress::default() };
        let step = progress.step(Position { lab: 2, step: 2 });
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
        let html = report.seal(None).html();
        assert!(html.contains("Ada &lt;Lovelace&gt;") && !html.contains("<Lovelace>"));
        assert!(html.contains("9.99 hashes/s") && html.contains("<circle"));
    }

    #[test]
    fn a_report_that_was_edited_is_found_out_after_a_round_trip() {
        let key = b"the class key".as_slice();
        let sealed = Report::new(&progress(), &crate::labs::all().unwrap()).seal(Some(key));
        let text = serde_json::to_string_pretty(&sealed).unwrap();
        let read: Sealed = serde_json::from_str(&text).unwrap();
        assert_eq!(verify(&read.report.text(), &read.seal, Some(key)), Verdict::Genuine);
        let edited: Sealed = serde_json::from_str(&text.replacen("\"hints\": 1", "\"hints\": 0", 1)).unwrap();
        assert_eq!(verify(&edited.report.text(), &edited.seal, Some(key)), Verdict::Broken);
    }
}
