//! Making a mistake as students do, to see that they are told so.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use swarm::patient;

use crate::author::{check, run_all};
use crate::check::Scene;
use crate::facts::Facts;
use crate::lab::{Mistake, Step};
use crate::place::Place;

/// How long the sentence to a mistake may take to come: a task that cannot start says so after some seconds.
const SAID_WITHIN: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 60 });

/// Words with one blank between.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Makes a mistake, waits for the sentence that a student must get, and goes back where that is needed. What is wrong with
/// it comes back: the sentence does not come, or came before the mistake already, and then it is no answer to it.
///
/// # Errors
/// When a node cannot be reached, or the way back does not work.
pub async fn walk(
    place: &Place,
    step: &Step,
    mistake: &Mistake,
    facts: &mut Facts,
    begun: &BTreeMap<String, String>,
    before: &[String],
) -> Result<Option<String>> {
    let wanted = facts.fill(&mistake.says)?;
    run_all(place, &mistake.commands, facts, false).await?;
    let scene = Scene {
        place,
        facts,
        question: step.question.as_ref(),
        choice: step.question.as_ref().map(|question| question.right),
        typed: None,
        begun,
        glance: true,
    };
    let started = Instant::now();
    let before: Vec<String> = before.iter().map(|said| plain(said)).collect();
    let old = !mistake.anyway && before.iter().any(|said| said.contains(&wanted));
    let fault = loop {
        let findings = check(step, &scene, Duration::ZERO, false).await;
        let mut failing: Vec<String> =
            findings.iter().filter(|(_, found)| found.fails()).map(|(_, found)| plain(&found.said)).collect();
        if !old && failing.iter().any(|said| said.contains(&wanted)) {
            break None;
        }
        if old || started.elapsed() > patient(SAID_WITHIN) {
            if old {
                failing.retain(|said| !before.contains(said));
            }
            break Some(failing);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    run_all(place, &mistake.back, facts, true).await.context("the way back from a mistake")?;
    Ok(fault.map(|said| {
        let title = if mistake.title.is_empty() { "the mistake" } else { &mistake.title };
        let said = if said.is_empty() { "nothing".to_owned() } else { said.join("\n  ") };
        if old {
            format!(
                "{title}: `{wanted}` is said before the mistake too, so it is no answer to it; write ```says anyway where the mistake \
                 changes nothing. New is:\n  {said}"
            )
        } else {
            format!("{title}: no line of the check says `{wanted}`; they say:\n  {said}")
        }
    }))
}
