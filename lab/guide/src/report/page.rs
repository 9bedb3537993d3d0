//! A student's report as a page.

use super::{LabReport, Mark, Report, Sealed, StepReport, key};
use crate::html::{escape, page, tile};
use crate::state::Measured;

/// The page.
pub(super) fn html(sealed: &Sealed) -> String {
    let report = &sealed.report;
    let passed = report.steps().filter(|step| step.mark().done()).count();
    let whole = report.labs.iter().filter(|lab| lab.steps.iter().all(|step| step.passed)).count();
    let (right, made) = report.predictions();
    let solutions = report.steps().filter(|step| step.solutions > 0).count();
    let mut body = format!(
        "<header><h1>{}</h1></header><main><dl class=tiles>{}{}{}{}{}</dl>{}",
        escape(&report.student),
        tile("Steps passed", &passed.to_string(), &format!("of {}", report.steps().count())),
        tile("Labs finished", &whole.to_string(), &format!("of {} begun", report.labs.len())),
        tile("Right at once", &right.to_string(), &format!("of {made} predictions")),
        tile("Solutions read", &solutions.to_string(), "steps"),
        tile("Time", &format!("{:.0}", report.minutes()), "min"),
        key()
    );
    body.push_str(&curve(report));
    for lab in &report.labs {
        let squares: String = lab.steps.iter().map(|step| step.mark().square(&step.title)).collect();
        let done = lab.steps.iter().filter(|step| step.mark().done()).count();
        body.push_str(&format!(
            "<section class=card><h2>{}<small>{done} of {} steps</small> <span class=steps>{squares}</span></h2><div class=scroll>\
             <table class=plain><thead><tr><th>Step<th>State<th class=number>Minutes<th class=number>Checks<th class=number>Hints\
             <th class=number>Solutions<th>Answers<th>Measured</tr></thead><tbody>",
            escape(&lab.title),
            lab.steps.len()
        ));
        lab.steps.iter().for_each(|step| body.push_str(&row(step)));
        body.push_str("</tbody></table></div></section>");
    }
    body.push_str(&format!(
        "<p class=small>Seal ({}): <code>{}</code> over the JSON beside this page. It shows a change after the writing; it does \
         not show who did the work.</p></main>",
        escape(&sealed.seal.kind),
        escape(&sealed.seal.value)
    ));
    page(&format!("Labs of {}", report.student), &body)
}

fn crew(workers: usize) -> String {
    format!("{workers} {}", if workers == 1 { "worker" } else { "workers" })
}

fn row(step: &StepReport) -> String {
    let title = format!("<tr><td class=title>{}. {}", step.number, escape(&step.title));
    if let (Mark::Skipped, Some(reason)) = (step.mark(), &step.skipped) {
        return format!("{title}<td class=note colspan=7>skipped: {}</tr>", escape(reason));
    }
    let minutes = step.seconds.map_or_else(String::new, |seconds| format!("{:.1}", seconds as f64 / 60.0));
    let state = match step.mark() {
        mark if mark.done() => "<td class=state>passed",
        Mark::At => "<td class=state data-mood=warn>at it",
        _ => "<td class=note>not begun",
    };
    let first = match step.predicted {
        Some(true) => " <span class=note>right at once</span>",
        Some(false) | None => "",
    };
    let answers: Vec<String> = step.answers.iter().map(|answer| escape(&answer.to_string())).collect();
    let measured: Vec<String> =
        step.measured.iter().map(|m| format!("{} hashes/s, {}", m.hashes_per_second, crew(m.workers))).collect();
    format!(
        "{title}{state}<td class=number>{minutes}<td class=number>{}<td class=number>{}<td class=number>{}\
         <td>{}{first}<td>{}</tr>",
        count(step.checks),
        count(step.hints),
        count(step.solutions),
        answers.join(", "),
        measured.join("; ")
    )
}

/// Nothing where there is nothing: what is there stands out.
fn count(n: u32) -> String {
    if n == 0 { String::new() } else { n.to_string() }
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
        "<section class=card><h2>What was measured</h2><svg class=curve viewBox='0 0 620 262' role=img \
         aria-label='hashes a second over workers'>",
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
    // Theory for workers alone: one hash each 0.3 s, think time and both services (see docs/theory.md).
    svg.push_str(&format!(
        "<text x=310 y=257 text-anchor=middle>workers</text><text x=50 y=12>hashes/s</text>\
         <line x1={:.0} y1={:.0} x2={:.0} y2={:.0} class=ideal />",
        x(0.0),
        y(0.0),
        x(10.0),
        y(100.0 / 3.0)
    ));
    for (lab, m) in points {
        svg.push_str(&format!(
            "<circle cx={:.1} cy={:.1} r=5><title>{}: {} hashes/s with {}</title></circle>",
            x(m.workers as f64),
            y(m.hashes_per_second),
            escape(&lab.title),
            m.hashes_per_second,
            crew(m.workers)
        ));
    }
    svg.push_str(
        "</svg><p class=note>The dashed line is what workers alone would do: 3.33 hashes/s each.</p></section>",
    );
    svg
}
