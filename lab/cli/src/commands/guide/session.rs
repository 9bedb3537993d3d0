//! What the commands of a student share: the place, the labs, and the progress.

use std::path::PathBuf;

use ::guide::check::{Check, Finding, Scene};
use ::guide::facts::Facts;
use ::guide::lab::{Lab, Part, Step};
use ::guide::need::Need;
use ::guide::place::Place;
use ::guide::render::{self, Style};
use ::guide::state::{self, Position, Progress, StepProgress};
use ::guide::{author, labs, shuffle};
use anyhow::{Context as _, bail};
use swarm::patient;

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
        let lab = labs::one(&at.lab)?;
        if lab.steps.get(at.step.wrapping_sub(1)).is_none() {
            bail!("{} has no step {}; it has 1 to {}", lab.name(), at.step, lab.steps.len());
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

    fn change(&self, change: impl FnOnce(&mut Progress, &Position)) -> anyhow::Result<()> {
        Progress::change(&self.file, |progress| change(progress, &self.at)).map(drop)
    }

    /// What is kept of this step.
    fn seen(&self) -> anyhow::Result<StepProgress> {
        Ok(Progress::load(&self.file)?.seen(&self.at).cloned().unwrap_or_default())
    }

    /// Remembers what is so now, before the student does anything; once a step.
    pub async fn begin(&self, anew: bool) -> anyhow::Result<()> {
        if anew || self.seen()?.begun_with.is_empty() {
            let begun = author::remember(&self.place, &self.facts().await?, self.step()).await;
            self.record(|step| step.begun_with = begun)?;
        }
        Ok(())
    }

    /// The order in which this student sees the choices.
    pub fn order(&self) -> anyhow::Result<Vec<char>> {
        // The seed is made when it is first read, and has to be the same from then on.
        let progress = Progress::change(&self.file, |_| ())?;
        let question = self.step().question.as_ref();
        Ok(question.map(|it| shuffle::order(it, progress.seed, &self.at.lab, self.at.step)).unwrap_or_default())
    }

    /// Takes an answer: the letter of a choice as it is shown, or what was typed under Ask.
    pub fn give(&self, word: &str) -> anyhow::Result<()> {
        let step = self.step();
        let mut letters = word.chars();
        let letter = letters.next().filter(|_| letters.next().is_none()).map(|letter| letter.to_ascii_lowercase());
        let order = self.order()?;
        if let Some(meant) = letter.and_then(|letter| shuffle::meant(&order, letter)) {
            return self.record(|step| step.answers.push(meant));
        }
        if step.ask.is_some() {
            return self.record(|step| step.typed.push(word.trim().to_owned()));
        }
        step.question.as_ref().with_context(|| format!("step {} asks no question", self.at.step))?;
        let choices: String = ('a'..).take(order.len()).map(|choice| format!(" {choice}")).collect();
        bail!("{word} is no choice; there are{choices}");
    }

    /// Why this step is skipped here, where it is.
    pub async fn lacking(&self) -> anyhow::Result<Option<String>> {
        let facts = self.facts().await?;
        match Need::first_lacking(&self.lab.needs, &self.place, &facts).await? {
            Some(reason) => Ok(Some(reason)),
            None => Need::first_lacking(&self.step().needs, &self.place, &facts).await,
        }
    }

    /// Goes on to the next step, and remembers what it begins with.
    async fn go_on(&self) -> anyhow::Result<()> {
        if self.at.step < self.lab.steps.len() {
            let next = Position { step: self.at.step + 1, ..self.at.clone() };
            self.change(|progress, _| progress.current = Some(next.clone()))?;
            let lab = self.lab.clone();
            let session =
                Session { place: self.place.clone(), lab, at: next, style: self.style, file: self.file.clone() };
            session.begin(false).await?;
        }
        Ok(())
    }

    /// Looks whether the step is done, shows every finding, and goes on when all hold. Without `within` it tells at once
    /// what is missing, and waits only while something is on its way.
    pub async fn check(&mut self, within: Option<std::time::Duration>) -> anyhow::Result<bool> {
        anstream::println!("{}", render::heading("Checks", self.style));
        if let Some(reason) = self.lacking().await? {
            anstream::println!("  skipped: {reason}");
            self.record(|step| step.skip(reason))?;
            self.go_on().await?;
            return Ok(true);
        }
        let step = self.step().clone();
        let (seen, facts) = (self.seen()?, self.facts().await?);
        let scene = Scene {
            place: &self.place,
            facts: &facts,
            question: step.question.as_ref(),
            choice: seen.answers.last().copied(),
            typed: seen.typed.last().cloned(),
            begun: &seen.begun_with,
            glance: false,
        };
        if step.checks.iter().any(Check::measures) {
            anstream::eprintln!("  (what is measured takes 10 s or more, once all else holds)");
        }
        let findings = author::check(&step, &scene, patient(within.unwrap_or(SETTLES_WITHIN)), within.is_some()).await;
        for (check, finding) in &findings {
            let what = facts.fill(&check.what()).unwrap_or_else(|_| check.what());
            anstream::print!("{}", render::finding(finding.holds(), &what, &finding.said, self.style));
        }
        let findings: Vec<Finding> = findings.into_iter().map(|(_, finding)| finding).collect();
        let all = !findings.iter().any(Finding::fails);
        let measured: Vec<_> = findings.iter().filter_map(|finding| finding.measured).collect();
        self.record(|step| {
            step.checks += 1;
            if all {
                step.pass(measured);
            }
        })?;
        if all {
            self.go_on().await?;
        }
        Ok(all)
    }

    /// Parts of a solution, with the letters that this student sees.
    pub fn explained(&self, parts: Vec<Part>) -> anyhow::Result<Vec<Part>> {
        let order = self.order()?;
        let one = |part| match part {
            Part::Text(text) => Part::Text(shuffle::solution(&text, &order)),
            commands => commands,
        };
        Ok(parts.into_iter().map(one).collect())
    }

    /// Shows a text of the lab.
    pub fn show(&self, text: &str) {
        if !text.is_empty() {
            anstream::println!("{}", render::markdown(text, self.style));
        }
    }
}
