//! Walking a lab without a person: what proves that each line of its checks fails before a step and holds after it, that
//! wrong turns are answered, and that nothing is left behind.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use swarm::patient;

use crate::check::{Answer, Check, Finding, Outcome, Scene};
use crate::facts::Facts;
use crate::lab::{Commands, Lab, Step};
use crate::mistake;
use crate::need::Need;
use crate::place::Place;
use crate::reset;

/// How long a check may take to pass after its solution; a node that dies is noticed after some 15 s.
const PASSES_WITHIN: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 90 });

/// How one lab went.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Walked {
    /// Steps that were walked.
    pub steps: usize,
    /// Lines that failed before their step and held after it, or held both times where they are marked `keep`.
    pub held: usize,
    /// Mistakes that got their sentence.
    pub mistakes: usize,
    /// What was skipped, with the reason.
    pub skipped: Vec<String>,
    /// How long its beginning took to make.
    pub begun_in: Duration,
    /// How long all of it took.
    pub took: Duration,
}

/// Walks a lab from its beginning and cleans up; `say` gets a line for each step. Where `only` names a step, those before
/// it are done by their solutions and not looked at, and the walk ends behind it.
///
/// # Errors
/// When a line holds before its step, or does not after it, a mistake does not get its sentence, or anything is left.
pub async fn walk(place: &Place, lab: &Lab, only: Option<usize>, say: &(dyn Fn(&str) + Sync)) -> Result<Walked> {
    let begun = Instant::now();
    let mut walked = Walked::default();
    reset::clean(place).await?;
    let before = reset::inventory(place).await?;
    let facts = Facts::gather(place).await?;
    if let Some(reason) = Need::first_lacking(&lab.needs, place, &facts).await? {
        walked.skipped.push(format!("{}: {reason}", lab.name()));
        return Ok(walked);
    }
    reset::begin(place, &lab.start, &|_| {}).await?;
    walked.begun_in = begun.elapsed();
    let mut faults = Vec::new();
    for step in &lab.steps {
        let at = Instant::now();
        let name = format!("{} step {}", lab.name(), step.number);
        match only {
            Some(only) if step.number > only => break,
            Some(only) if step.number < only => {
                replay(place, step).await.with_context(|| name)?;
                continue;
            }
            _ => {}
        }
        let facts = Facts::gather(place).await?;
        if let Some(reason) = Need::first_lacking(&step.needs, place, &facts).await? {
            say(&format!("  --  {name} {}: skipped, {reason}", step.title));
            walked.skipped.push(format!("{name}: {reason}"));
            continue;
        }
        let saw = walk_step(place, step, facts, &mut walked).await.with_context(|| name.clone())?;
        walked.steps += 1;
        let word = if saw.faults.is_empty() { "ok" } else { "!!" };
        say(&format!("  {word}  {name} {} ({:.0} s)  {}", step.title, at.elapsed().as_secs_f64(), saw.measured));
        for fault in saw.faults {
            say(&format!("      {fault}"));
            faults.push(format!("{name}: {fault}"));
        }
    }
    reset::clean(place).await?;
    let left: Vec<String> =
        reset::inventory(place).await?.into_iter().filter(|thing| !before.contains(thing)).collect();
    if !left.is_empty() {
        bail!("{} left behind: {}", lab.name(), left.join("; "));
    }
    if !faults.is_empty() {
        bail!("mistakes without their sentence:\n  {}", faults.join("\n  "));
    }
    walked.took = begun.elapsed();
    Ok(walked)
}

/// Does a step by its solution.
///
/// # Errors
/// When a command fails, or there is none for this Swarm.
pub async fn replay(place: &Place, step: &Step) -> Result<usize> {
    run_all(place, step.commands(), &mut Facts::gather(place).await?, true).await
}

/// Runs the blocks that are for this Swarm; returns how many.
pub(crate) async fn run_all<'a>(
    place: &Place,
    blocks: impl IntoIterator<Item = &'a Commands>,
    facts: &mut Facts,
    must: bool,
) -> Result<usize> {
    let mut ran = 0;
    for block in blocks {
        if facts.applies(block) {
            if must {
                reset::run_ok(place, block, facts).await?;
            } else {
                reset::run(place, block, facts).await?;
            }
            ran += 1;
            // They change as steps are done: there is a token only once there is a swarm.
            *facts = Facts::gather(place).await?;
        }
    }
    Ok(ran)
}

/// What was so when a step begins.
///
/// # Errors
/// Never by what cannot be asked: that is remembered as nothing.
pub async fn remember(place: &Place, facts: &Facts, step: &Step) -> BTreeMap<String, String> {
    let mut begun = BTreeMap::new();
    for check in &step.checks {
        if let Some((source, value)) = check.remember(place, facts).await {
            begun.insert(source, value);
        }
    }
    begun
}

/// What a walk saw in a step.
struct Saw {
    measured: String,
    /// Mistakes without their sentence.
    faults: Vec<String>,
}

async fn walk_step(place: &Place, step: &Step, mut facts: Facts, walked: &mut Walked) -> Result<Saw> {
    let begun = remember(place, &facts, step).await;
    let ours: Vec<&Check> = lines(step, &facts).collect();
    let scene = Scene {
        place,
        facts: &facts,
        question: step.question.as_ref(),
        choice: None,
        typed: None,
        begun: &begun,
        glance: true,
    };
    let (mut wrong, mut said) = (Vec::new(), Vec::new());
    for check in &ours {
        let found =
            if check.keep { check.look(&scene, patient(PASSES_WITHIN), true).await } else { check.once(&scene).await };
        match (check.keep, found.outcome) {
            (false, Outcome::Holds) => {
                wrong.push(format!("`{}` holds before the step, so it proves nothing: {}", check.line, found.said))
            }
            (true, Outcome::Not) => {
                wrong.push(format!("`{}` does not hold before the step: {}", check.line, found.said))
            }
            (_, Outcome::Not) => said.push(found.said),
            _ => {}
        }
    }
    if !wrong.is_empty() {
        bail!("before the step:\n  {}", wrong.join("\n  "));
    }
    let mut faults = Vec::new();
    for mistake in &step.mistakes {
        // One for the other kernel is not made here, and not counted.
        if !mistake.commands.iter().any(|block| facts.applies(block)) {
            continue;
        }
        match mistake::walk(place, step, mistake, &mut facts, &begun, &said).await? {
            None => walked.mistakes += 1,
            // The walk goes on: an author sees all of them at once.
            Some(fault) => faults.push(fault),
        }
    }
    let ran = run_all(place, step.commands(), &mut facts, true).await?;
    if ran == 0 && step.question.is_none() && step.ask.is_none() {
        bail!("the step has nothing to do on this Swarm");
    }
    let mut scene = Scene {
        place,
        facts: &facts,
        question: step.question.as_ref(),
        choice: step.question.as_ref().map(|question| question.right),
        typed: None,
        begun: &begun,
        glance: false,
    };
    let (mut failed, mut measured) = (Vec::new(), Vec::new());
    // Those that measure come last, when all that they depend on holds.
    let (slow, quick): (Vec<&Check>, Vec<&Check>) = ours.iter().copied().partition(|check| check.measures());
    for check in quick.into_iter().chain(slow) {
        scene.typed = None;
        if let Some(Answer::Text(source) | Answer::Number(source)) = check.answer() {
            let value = match source.filled(&facts).value(place).await {
                Ok(value) => value,
                Err(error) => {
                    failed.push(format!("`{}`: {error:#}", check.line));
                    continue;
                }
            };
            if let Some(why) = takes_anything(check, &scene, &value).await {
                failed.push(why);
            }
            scene.typed = Some(match read(place, &facts, step).await {
                Ok(read) => read.unwrap_or(value),
                Err(error) => {
                    failed.push(format!("{error:#}"));
                    continue;
                }
            });
        }
        let found = check.look(&scene, patient(PASSES_WITHIN), true).await;
        match found.outcome {
            Outcome::Holds => walked.held += 1,
            Outcome::Not => failed.push(format!("`{}`: {}", check.line, found.said)),
            Outcome::Skipped => walked.skipped.push(format!("`{}`: {}", check.line, found.said)),
        }
        if found.measured.is_some() {
            measured.push(found.said);
        }
    }
    if !failed.is_empty() {
        bail!("after the solution:\n  {}", failed.join("\n  "));
    }
    Ok(Saw { measured: measured.join("; "), faults })
}

/// What a student reads who follows the solution, where it has a command for that.
async fn read(place: &Place, facts: &Facts, step: &Step) -> Result<Option<String>> {
    let Some(block) = step.readings().find(|block| facts.applies(block)) else { return Ok(None) };
    let output = reset::run_ok(place, block, facts).await.context("the solution's own reading")?;
    Ok(Some(output.stdout.trim().to_owned()))
}

/// A typed answer that is wrong must be refused.
async fn takes_anything(check: &Check, scene: &Scene<'_>, right: &str) -> Option<String> {
    let wrong = match crate::check::number_in(right) {
        // So far away that it stays wrong where the truth moves by itself, as a share of a processor does.
        Some(number) if matches!(check.answer(), Some(Answer::Number(_))) => (number * 10.0 + 100.0).to_string(),
        _ => "nonsuch".to_owned(),
    };
    let tried = Scene { typed: Some(wrong.clone()), ..*scene };
    let found = check.once(&tried).await;
    found.holds().then(|| format!("`{}` takes {wrong} for an answer, where {right} is right", check.line))
}

/// The lines of a step's check that are for this Swarm.
fn lines<'a>(step: &'a Step, facts: &Facts) -> impl Iterator<Item = &'a Check> {
    step.checks.iter().filter(|check| facts.holds(&check.only))
}

/// The choice that was given is known to be wrong before anything is looked at.
fn chosen_wrong(step: &Step, scene: &Scene<'_>) -> bool {
    let mut right = lines(step, scene.facts).filter_map(|check| match check.answer() {
        Some(Answer::Choice(right)) => Some(right),
        _ => None,
    });
    scene.choice.is_some_and(|given| right.any(|right| right != given))
}

/// Whether a check of this step measures something, which takes its time.
pub fn measures(step: &Step, scene: &Scene<'_>) -> bool {
    lines(step, scene.facts).any(Check::measures) && !chosen_wrong(step, scene)
}

/// Looks at every line of a step that is for this Swarm: first those that are quick, and those that measure only when
/// all others hold. Whoever chose wrong is told so at once, and nothing is measured until they choose again. Lines come
/// back in the order of the lab.
pub async fn check<'a>(
    step: &'a Step,
    scene: &Scene<'_>,
    within: Duration,
    stubborn: bool,
) -> Vec<(&'a Check, Finding)> {
    let ours: Vec<&Check> = lines(step, scene.facts).collect();
    let mut found: Vec<Option<Finding>> = vec![None; ours.len()];
    let quick = ours.iter().zip(&mut found).filter(|(check, _)| !check.measures());
    let looks = quick.map(|(check, found)| async move { *found = Some(check.look(scene, within, stubborn).await) });
    futures_util::future::join_all(looks).await;
    for at in 0..ours.len() {
        if found[at].is_some() {
            continue;
        }
        // What the student answered does not disturb a measurement.
        let stopped = ours
            .iter()
            .zip(&found)
            .any(|(check, found)| check.answer().is_none() && found.as_ref().is_some_and(Finding::fails));
        found[at] = Some(if stopped {
            Finding::no("not measured yet: first all else has to hold")
        } else if chosen_wrong(step, scene) {
            Finding::no("not measured yet: first your answer has to be right")
        } else {
            ours[at].look(scene, within, stubborn).await
        });
    }
    ours.into_iter().zip(found.into_iter().flatten()).collect()
}

/// Links in the labs that lead nowhere: relative ones are looked up beside the file.
pub fn dead_links(folder: &std::path::Path, file: &str, text: &str) -> Vec<String> {
    let mut dead = Vec::new();
    for (_, rest) in text.match_indices("](").map(|(at, _)| text.split_at(at + 2)) {
        let target = rest.split([')', ' ']).next().unwrap_or_default();
        let path = target.split('#').next().unwrap_or_default();
        if !path.is_empty() && !path.contains("://") && !folder.join(path).exists() {
            dead.push(format!("{file}: {target}"));
        }
    }
    dead
}

#[cfg(test)]
#[path = "author_tests.rs"]
mod tests;
