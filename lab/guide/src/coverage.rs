//! Which rows of the checklist are covered, and by which steps.

use crate::lab::Lab;
use crate::rows;

/// A row and the steps that cover it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// What it is about, where labs here cover it.
    pub title: Option<&'static str>,
    /// The steps, as `coins/5.2` for step 2 of lab 5 of its track.
    pub steps: Vec<String>,
}

/// All rows.
pub fn rows(labs: &[Lab]) -> Vec<Row> {
    let covering = |id: &str| -> Vec<String> {
        let steps = labs.iter().flat_map(|lab| lab.steps.iter().map(move |step| (lab.name(), step)));
        let ours = steps.filter(|(_, step)| step.rows.iter().any(|row| row == id));
        ours.map(|(lab, step)| format!("{lab}.{}", step.number)).collect()
    };
    rows::all().map(|id| Row { steps: covering(&id), title: rows::title(&id), id }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_rows_of_the_core_lesson_are_covered_and_what_is_covered_has_a_title() {
        let labs = crate::labs::all().unwrap();
        for row in super::rows(&labs) {
            if row.id.starts_with('S') || row.id == "E17" || row.id == "E18" {
                assert!(!row.steps.is_empty(), "no step covers {}", row.id);
            }
            assert!(row.steps.is_empty() || row.title.is_some(), "{} has no title", row.id);
        }
    }
}
