//! A class as a page: who is where, and where the class is stuck.

use super::{Class, Line};
use crate::html::{escape, page, tile};
use crate::lab::Lab;
use crate::report::{Mark, key};

/// How many steps are listed where most are stuck.
const LISTED: usize = 6;

/// How the class is with one step.
struct AtStep<'a> {
    lab: &'a Lab,
    step: usize,
    passed: usize,
    solved: usize,
    at: Vec<&'a str>,
}

/// The page.
pub fn html(class: &Class, labs: &[Lab]) -> String {
    let lines = &class.lines;
    let steps: usize = labs.iter().map(|lab| lab.steps.len()).sum();
    let passed: usize = lines.iter().flat_map(Line::passed).sum();
    let mean = if lines.is_empty() { 0.0 } else { passed as f64 / lines.len() as f64 };
    let doubtful = lines.iter().filter(|line| !line.verdict.sound()).count();
    let mut body = format!(
        "<header><h1>The class</h1></header><main><dl class=tiles>{}{}{}{}</dl>",
        tile("Students", &lines.len().to_string(), ""),
        tile("Steps passed, on average", &format!("{mean:.1}"), &format!("of {steps}")),
        tile(
            "Solutions read",
            &lines.iter().fold(0_u32, |sum, line| sum.saturating_add(line.solutions)).to_string(),
            ""
        ),
        tile("Reports in doubt", &(doubtful + class.unread.len()).to_string(), ""),
    );
    body.push_str(&stuck(lines, labs));
    body.push_str(&everybody(lines, labs));
    if !class.unread.is_empty() {
        body.push_str("<section class=card><h2>Left out</h2><ul class=small>");
        for (file, why) in &class.unread {
            body.push_str(&format!("<li>{}: {}</li>", escape(file), escape(why)));
        }
        body.push_str("</ul></section>");
    }
    body.push_str(
        "<p class=small>A seal shows that a report was not changed after it was written by a program that had the key. It does \
         not show who did the work.</p></main>",
    );
    page("The class", &body)
}

/// The steps at which most are.
fn stuck(lines: &[Line], labs: &[Lab]) -> String {
    let mut all: Vec<AtStep<'_>> = Vec::new();
    for (n, lab) in labs.iter().enumerate() {
        for step in 0..lab.steps.len() {
            let marks = || lines.iter().map(|line| (line, line.marks[n][step]));
            let count = |wanted: Mark| marks().filter(|(_, mark)| *mark == wanted).count();
            let at = marks().filter(|(_, mark)| *mark == Mark::At).map(|(line, _)| line.student.as_str()).collect();
            all.push(AtStep { lab, step, passed: count(Mark::Passed), solved: count(Mark::Solved), at });
        }
    }
    // Who is at a step counts first, and then who passed it only with its solution.
    all.retain(|one| !one.at.is_empty() || one.solved > 0);
    all.sort_by_key(|one| std::cmp::Reverse((one.at.len(), one.solved)));
    let mut out = String::from("<section class=card><h2>Where the class is stuck</h2>");
    if all.is_empty() {
        out.push_str(
            "<p class=note>Nobody is at a step that has not passed, and nobody needed a solution.</p></section>",
        );
        return out;
    }
    let share = |n: usize| 100.0 * n as f64 / lines.len().max(1) as f64;
    out.push_str("<ul class=stuck>");
    for one in all.iter().take(LISTED) {
        let said =
            [(one.at.len(), "at it"), (one.passed + one.solved, "passed"), (one.solved, "of them with the solution")];
        let said: Vec<String> = said.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        out.push_str(&format!(
            "<li title='{}'><span><b>{}</b> {}. {}</span><span class=bar><i class=passed style='width:{:.0}%'></i>\
             <i class=tried style='width:{:.0}%'></i></span><span class=note>{}</span></li>",
            escape(&one.at.join(", ")),
            escape(&one.lab.name()),
            one.step + 1,
            escape(&one.lab.steps[one.step].title),
            share(one.passed + one.solved),
            share(one.at.len()),
            said.join(", ")
        ));
    }
    out.push_str("</ul></section>");
    out
}

/// A row for each student, a column for each lab, a square for each step.
fn everybody(lines: &[Line], labs: &[Lab]) -> String {
    // Labs that nobody has begun would push those that count off the screen.
    let begun: Vec<usize> = (0..labs.len())
        .filter(|n| lines.iter().any(|line| line.marks[*n].iter().any(|mark| *mark != Mark::Before)))
        .collect();
    let mut out = String::from("<section class=card><h2>Who is where</h2>");
    out.push_str(&key());
    out.push_str("<div class=scroll><table class=plain><thead><tr><th>Student");
    for n in &begun {
        out.push_str(&format!("<th title='{}'>{}", escape(&labs[*n].title), escape(&labs[*n].name())));
    }
    out.push_str(
        "<th class=number>Passed<th class=number>Minutes<th class=number>Hints<th class=number>Solutions<th class=number>Predicted\
         <th>Seal</tr></thead><tbody>",
    );
    for line in lines {
        let again =
            if line.reports > 1 { format!(" <span class=note>{} reports</span>", line.reports) } else { String::new() };
        out.push_str(&format!("<tr><th>{}{again}", escape(&line.student)));
        for n in &begun {
            let squares: String =
                line.marks[*n].iter().zip(&labs[*n].steps).map(|(mark, step)| mark.square(&step.title)).collect();
            out.push_str(&format!("<td><span class=steps>{squares}</span>"));
        }
        let mood = if line.verdict.sound() { "<td class=note>" } else { "<td class=broken>" };
        out.push_str(&format!(
            "<td class=number>{}<td class=number>{:.0}<td class=number>{}<td class=number>{}<td class=number>{} of {}{mood}{}</tr>",
            line.passed().sum::<usize>(),
            line.minutes,
            line.hints,
            line.solutions,
            line.predicted.0,
            line.predicted.1,
            line.verdict.words()
        ));
    }
    out.push_str("</tbody></table></div></section>");
    out
}
