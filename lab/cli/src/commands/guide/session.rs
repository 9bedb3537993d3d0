//! What the commands of a student share: the place, the labs, and the progress.

use std::path::PathBuf;

use ::guide::check::{Finding, Scene};
use ::guide::facts::Facts;
use ::guide::lab::{Lab, Step};
use ::guide::labs;
use ::guide::place::Place;
use ::guide::render::{self, Style};
use ::guide::state::{self, Position, Progress, StepProgress};
use anyhow::{Context as _, bail};

use super::Nodes;

/// How long a check waits for what is still on its way.
const SETTLES_WITHIN: std::time::Duration = std::time::Duration::from_secs(8);

/// A student at a step of a lab.
pub struct Session {
    pub place: Place,
    pub lab: Lab,
    pub at: Position,
    pub style: Style,
    file: PathBuf,
}

impl Session {
    /// The step that is next.
    pub async fn current(nodes: &Nodes) -> anyhow::Result<Session> {
        let file = state::path()?;
        let Some(at) = Progress::load(&file)?.current else {
            bail!("no lab is started\n  `lab list` shows them, `lab start 1` begins with the first");
        };
        Session::at(nodes, at).await
    }

    /// A step by its place.
    pub async fn at(nodes: &Nodes, at: Position) -> anyhow::Result<Session> {
        let place = Place::find(&nodes.cluster).await?;
        let lab = labs::one(at.lab)?;
        if lab.steps.get(at.step.wrapping_sub(1)).is_none() {
            bail!("lab {} has no step {}; it has 1 to {}", at.lab, at.step, lab.steps.len());
        }
        Ok(Session { place, lab, at, style: super::style(), file: state::path()? })
    }

    pub fn step(&self) -> &Step {
        &self.lab.steps[self.at.step - 1]
    }

    pub async fn facts(&self) -> anyhow::Result<Facts> {
        Facts::gather(&self.place).await
    }

    /// Changes what is kept of this step, on the disk before this returns.
    pub fn record(&self, change: impl FnOnce(&mut StepProgress)) -> anyhow::Result<()> {
        self.change(|progress, at| change(progress.step(at)))
    }

    fn change(&self, change: impl FnOnce(&mut Progress, Position)) -> anyhow::Result<()> {
        // Read anew each time: a second terminal may have written meanwhile.
        let mut progress = Progress::load(&self.file)?;
        change(&mut progress, self.at);
        progress.save(&self.file)
    }

    /// The last answer to this step's question.
    pub fn answer(&self) -> anyhow::Result<Option<char>> {
        let progress = Progress::load(&self.file)?;
        Ok(progress.seen(self.at).and_then(|step| step.answers.last().copied()))
    }

    /// Takes an answer.
    pub fn give(&self, letter: char) -> anyhow::Result<()> {
        let question = self.step().question.as_ref();
        let question = question.with_context(|| format!("step {} asks no question", self.at.step))?;
        if !question.choices.contains(&letter) {
            let choices: String = question.choices.iter().map(|choice| format!(" {choice}")).collect();
            bail!("{letter} is no choice; there are{choices}");
        }
        self.record(|step| step.answers.push(letter))
    }

    /// Looks whether the step is done, shows every finding, and goes on when all hold.
    pub async fn check(&mut self) -> anyhow::Result<bool> {
        let step = self.step().clone();
        let answer = self.answer()?;
        anstream::println!("{}", render::heading("Checks", self.style));
        let scene = Scene { place: &self.place, answer };
        let mut findings: Vec<Finding> = Vec::new();
        for assertion in &step.checks {
            // Each is shown as soon as it is known, for one that measures takes some seconds.
            let finding = assertion.look(&scene, SETTLES_WITHIN).await;
            anstream::print!("{}", render::finding(finding.holds, &assertion.to_string(), &finding.said, self.style));
            findings.push(finding);
        }
        let all = findings.iter().all(|finding| finding.holds);
        let measured: Vec<_> = findings.iter().filter_map(|finding| finding.measured).collect();
        self.record(|step| {
            step.checks += 1;
            if all {
                step.passed.get_or_insert(state::now());
                step.measured = measured;
            }
        })?;
        if all {
            let last = self.at.step == self.lab.steps.len();
            let next = if last { self.at } else { Position { step: self.at.step + 1, ..self.at } };
            self.change(|progress, _| progress.current = Some(next))?;
        }
        Ok(all)
    }

    /// Shows a text of the lab.
    pub fn show(&self, text: &str) {
        if !text.is_empty() {
            anstream::println!("{}", render::markdown(text, self.style));
        }
    }
}
