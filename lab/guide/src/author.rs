//! Walking a lab without a person: what proves that its checks fail before a step and pass after it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use swarm::patient;

use crate::check::{Finding, Scene};
use crate::facts::Facts;
use crate::lab::{Lab, Step};
use crate::place::Place;
use crate::reset;

/// How long a check may take to pass after its solution; a node that dies is noticed after some 15 s.
const PASSES_WITHIN: Duration = Duration::from_secs(90);

/// How one lab went.
#[derive(Debug, Clone, PartialEq)]
pub struct Walked {
    /// Steps that were walked.
    pub steps: usize,
    /// How long its beginning took to make.
    pub begun_in: Duration,
    /// How long all of it took.
    pub took: Duration,
}

/// Walks a lab from its beginning and cleans up; `say` gets a line for each step.
///
/// # Errors
/// When a check passes before its step, or does not pass after it, or anything is left behind.
pub async fn walk(place: &Place, lab: &Lab, say: &(dyn Fn(&str) + Sync)) -> Result<Walked> {
    let begun = Instant::now();
    reset::clean(place).await?;
    let before = reset::inventory(place).await?;
    reset::begin(place, lab.start, &|_| {}).await?;
    let begun_in = begun.elapsed();
    for step in &lab.steps {
        let at = Instant::now();
        let saw = walk_step(place, step).await.with_context(|| format!("lab {} step {}", lab.number, step.number))?;
        say(&format!(
            "  ok  {}.{} {} ({:.0} s)  {saw}",
            lab.number,
            step.number,
            step.title,
            at.elapsed().as_secs_f64()
        ));
    }
    reset::clean(place).await?;
    let left: Vec<String> =
        reset::inventory(place).await?.into_iter().filter(|thing| !before.contains(thing)).collect();
    if !left.is_empty() {
        bail!("lab {} left behind: {}", lab.number, left.join("; "));
    }
    Ok(Walked { steps: lab.steps.len(), begun_in, took: begun.elapsed() })
}

async fn walk_step(place: &Place, step: &Step) -> Result<String> {
    let before = check(place, step, None, Duration::ZERO).await;
    if before.iter().all(|finding| finding.holds) {
        bail!("all checks pass before the step is done, so they prove nothing");
    }
    let mut ran = 0;
    for block in step.commands() {
        // The facts change as steps are done: there is a token only once there is a swarm.
        let facts = Facts::gather(place).await?;
        if !facts.applies(block) {
            continue;
        }
        let output = reset::run(place, block, &facts).await?;
        if output.code != 0 {
            bail!(
                "the solution fails on {} with {}:\n{}\n{}{}",
                block.place(),
                output.code,
                facts.fill(&block.script)?,
                output.stdout,
                output.stderr
            );
        }
        ran += 1;
    }
    let answer = step.question.as_ref().map(|question| question.right);
    if ran == 0 && answer.is_none() {
        bail!("the step has nothing to do on this Swarm");
    }
    let after = check(place, step, answer, patient(PASSES_WITHIN)).await;
    let failed: Vec<String> = step
        .checks
        .iter()
        .zip(&after)
        .filter(|(_, finding)| !finding.holds)
        .map(|(check, finding)| format!("{check}: {}", finding.said))
        .collect();
    if !failed.is_empty() {
        bail!("after the solution:\n  {}", failed.join("\n  "));
    }
    let measured: Vec<String> =
        after.iter().filter(|finding| finding.measured.is_some()).map(|finding| finding.said.clone()).collect();
    Ok(measured.join("; "))
}

/// Looks at every assertion of a step, one after another, so that one that measures is not disturbed by others.
pub async fn check(place: &Place, step: &Step, answer: Option<char>, within: Duration) -> Vec<Finding> {
    let scene = Scene { place, answer };
    let mut findings = Vec::new();
    for assertion in &step.checks {
        findings.push(assertion.look(&scene, within).await);
    }
    findings
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
mod tests {
    use std::path::Path;

    use super::dead_links;

    #[test]
    fn links_of_the_labs_lead_somewhere() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs");
        for (file, text) in crate::labs::FILES {
            assert_eq!(dead_links(&folder, file, text), [""; 0]);
        }
        assert_eq!(
            dead_links(&folder, "x.md", "[a](nonsuch.md) [b](https://docker.com) [c](#d)"),
            ["x.md: nonsuch.md"]
        );
    }
}
