//! What a lab must have beyond being readable, so that it proves what it says.

use crate::lab::{Lab, Step};

/// What is wrong with a lab, as sentences.
pub fn lab(lab: &Lab) -> Vec<String> {
    lab.steps
        .iter()
        .flat_map(|step| of(step).map(|wrong| format!("{} step {}: {wrong}", lab.name(), step.number)))
        .collect()
}

fn of(step: &Step) -> impl Iterator<Item = String> {
    let proves = step.checks.iter().any(|check| check.answer().is_none() && !check.keep);
    let types = step.commands().next().is_some() && !step.reading;
    let wrong = [
        (!proves && !step.reading).then(|| {
            "its checks are only answers and lines with `keep`, so nothing that is done is proven; mark it `- Reading` if nothing is"
                .to_owned()
        }),
        (proves && step.reading).then(|| "it is marked `- Reading`, and its checks look at what was done".to_owned()),
        (types && step.mistakes.is_empty()).then(|| {
            "it has no `### Mistake`: a command that students do type, and what the check says to it".to_owned()
        }),
    ];
    let question = step.question.iter();
    let silent = question.flat_map(|question| {
        let wrong = question.choices.iter().filter(|(letter, _)| *letter != question.right);
        wrong.filter(|(letter, _)| !question.tempting.contains_key(letter)).map(|(letter, _)| {
            format!("its solution does not say, as `- {letter}) ...`, why the wrong choice {letter} tempts")
        })
    });
    // A command, or a path in what Docker shows.
    let bare = step.checks.iter().map(|check| check.what()).filter(|what| what.starts_with(['`', '.']));
    let bare =
        bare.map(|what| format!("a line of its check has no `as \"what holds\"`, so the student would read {what}"));
    wrong.into_iter().flatten().chain(silent).chain(bare)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Check;

    #[test]
    fn every_lab_proves_what_it_says() {
        let wrong: Vec<String> = crate::labs::all().unwrap().iter().flat_map(lab).collect();
        assert_eq!(wrong, [""; 0]);
    }

    #[test]
    fn a_step_that_proves_nothing_is_named() {
        let text = &crate::files::files().unwrap().labs.iter().find(|lab| lab.file == "01-compose.md").unwrap().text;
        let mut good = crate::parse::lab(text, "coins", "compose").unwrap();
        let step = &mut good.steps[0];
        step.checks.retain(|check| check.answer().is_some());
        step.mistakes.clear();
        step.checks.push(Check::read("keep run head \"docker ps\" else \"Start Docker.\"", &[]).unwrap());
        let wrong = lab(&good);
        assert!(wrong[0].contains("coins/1 step 1: its checks are only answers"), "{wrong:?}");
        assert!(wrong[1].contains("no `### Mistake`"), "{wrong:?}");
        assert!(wrong[2].ends_with("so the student would read `docker ps` on head"), "{wrong:?}");
    }
}
