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
    /// Whether one of these steps needs nothing that a machine may lack: it is walked everywhere.
    pub everywhere: bool,
}

impl Row {
    /// Whether a step covers it.
    pub fn covered(&self) -> bool {
        !self.steps.is_empty()
    }
}

/// All rows.
pub fn rows(labs: &[Lab]) -> Vec<Row> {
    let row = |id: String| {
        let steps = labs.iter().flat_map(|lab| lab.steps.iter().map(move |step| (lab, step)));
        let ours: Vec<_> = steps.filter(|(_, step)| step.rows.contains(&id)).collect();
        Row {
            title: rows::title(&id),
            steps: ours.iter().map(|(lab, step)| format!("{}.{}", lab.name(), step.number)).collect(),
            everywhere: ours.iter().any(|(lab, step)| lab.needs.is_empty() && step.needs.is_empty()),
            id,
        }
    };
    rows::all().map(row).collect()
}

/// How many rows are covered, and which of them only where a machine has what a step needs, as a sentence.
pub fn sum(rows: &[Row]) -> String {
    let covered = rows.iter().filter(|row| row.covered()).count();
    let some: Vec<&str> =
        rows.iter().filter(|row| row.covered() && !row.everywhere).map(|row| row.id.as_str()).collect();
    let all = format!("{covered} of {} rows are covered", rows.len());
    if some.is_empty() {
        return all;
    }
    format!(
        "{all}, {} of them on every machine; the others by steps that need more: {}",
        covered - some.len(),
        some.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::{rows, sum};

    #[test]
    fn all_rows_are_covered_and_have_a_title() {
        for row in rows(&crate::labs::all().unwrap()) {
            assert!(row.covered(), "no step covers {}", row.id);
            assert!(row.title.is_some(), "{} has no title", row.id);
        }
    }

    #[test]
    fn a_row_that_few_machines_can_walk_is_told_apart() {
        let mut labs = crate::labs::all().unwrap();
        let nfs = rows(&labs).into_iter().find(|row| row.id == "M5").unwrap();
        assert!(nfs.covered() && !nfs.everywhere, "{nfs:?}");
        let said = sum(&rows(&labs));
        assert!(said.starts_with("89 of 89 rows are covered, 8") && said.contains("M5"), "{said}");
        labs.retain(|lab| lab.track == "coins");
        let said = sum(&rows(&labs));
        assert!(said.ends_with("of 89 rows are covered") && !said.starts_with("89"), "{said}");
    }
}
