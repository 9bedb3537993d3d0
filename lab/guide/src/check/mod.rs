//! Checks: what must hold when a step is done, each with a sentence for the student when it does not.
//!
//! A line of a check is a verb with its arguments. `verbs` is the table of them; `line` reads one; each verb is a small
//! file that reads its arguments, says in a few words what it looks at, and looks.

mod compare;
mod docker;
mod http;
mod line;
mod lint;
mod names;
mod path;
mod source;
mod traefik;
mod verb;
mod verbs;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use swarm::patient;

pub use compare::number as number_in;
pub(crate) use http::get;
pub use line::Args;
pub use source::Source;
pub use verbs::{VERBS, Verb};

use crate::facts::Facts;
use crate::lab::{Only, Question};
use crate::place::Place;
use crate::state::Measured;

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Holds,
    /// It does not.
    Not,
    /// This Swarm lacks what it needs, so nobody looked.
    Skipped,
}

/// What a check found, in a sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Whether it holds.
    pub outcome: Outcome,
    /// What was seen; where it does not hold, with what to do.
    pub said: String,
    /// Whether it may hold in a moment without anybody doing anything: tasks that start, a node that is being missed.
    pub converging: bool,
    /// What was measured, where something was.
    pub measured: Option<Measured>,
}

impl Finding {
    fn new(outcome: Outcome, said: impl Into<String>) -> Finding {
        Finding { outcome, said: said.into(), converging: false, measured: None }
    }

    /// It holds.
    pub fn yes(said: impl Into<String>) -> Finding {
        Finding::new(Outcome::Holds, said)
    }

    /// It does not.
    pub fn no(said: impl Into<String>) -> Finding {
        Finding::new(Outcome::Not, said)
    }

    /// It does not hold yet, and may in a moment.
    pub fn not_yet(said: impl Into<String>) -> Finding {
        Finding { converging: true, ..Finding::no(said) }
    }

    /// Nobody looked, for this reason.
    pub fn skipped(reason: impl Into<String>) -> Finding {
        Finding::new(Outcome::Skipped, reason)
    }

    /// Holds if the condition does.
    pub fn when(holds: bool, yes: impl Into<String>, no: impl Into<String>) -> Finding {
        if holds { Finding::yes(yes) } else { Finding::no(no) }
    }

    /// Whether it holds.
    pub fn holds(&self) -> bool {
        self.outcome == Outcome::Holds
    }

    /// Whether it stands in the way of the step.
    pub fn fails(&self) -> bool {
        self.outcome == Outcome::Not
    }
}

/// What a check looks at.
#[derive(Debug)]
pub struct Scene<'a> {
    /// Where the lab runs.
    pub place: &'a Place,
    /// What is so there.
    pub facts: &'a Facts,
    /// The step's question, for what an answer means.
    pub question: Option<&'a Question>,
    /// The letter that was chosen, as it stands in the lab's file.
    pub choice: Option<char>,
    /// The answer that was typed.
    pub typed: Option<String>,
    /// What `changed` and `unchanged` compare with: each source as it was when the step began.
    pub begun: &'a BTreeMap<String, String>,
    /// Only whether it is so already is asked: what measures may look for a shorter time.
    pub glance: bool,
}

/// One thing that can be looked at.
#[async_trait]
pub trait Look: std::fmt::Debug + Send + Sync {
    /// What is looked at, in a few words for the student.
    fn what(&self) -> String;

    /// Looks once. Nothing is changed by looking; an error is a finding too, and says what to do.
    async fn look(&self, scene: &Scene<'_>) -> anyhow::Result<Finding>;

    /// Whether this is about what the student answered.
    fn answer(&self) -> Option<Answer> {
        None
    }

    /// Whether it takes seconds, and is disturbed by what others do: it is looked at only when all others hold.
    fn measures(&self) -> bool {
        false
    }

    /// How long one look may take.
    fn bound(&self) -> Duration {
        Duration::from_secs(20)
    }

    /// What has to be remembered when the step begins.
    fn remembers(&self) -> Option<&Source> {
        None
    }
}

/// What kind of answer a line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The letter of a choice.
    Choice(char),
    /// A word that is true on this Swarm.
    Text(Source),
    /// A number that is true on this Swarm.
    Number(Source),
}

/// One line of a check.
#[derive(Debug, Clone)]
pub struct Check {
    /// As it stands in the lab, on one line.
    pub line: String,
    /// It must hold before the step too.
    pub keep: bool,
    /// It is for a Swarm where all of these hold.
    pub only: Vec<Only>,
    /// What holds then, where the verb's own words would be a command.
    pub title: Option<String>,
    /// What is to be done where it does not hold, for verbs that cannot know.
    pub otherwise: Option<String>,
    look: Arc<dyn Look>,
}

impl PartialEq for Check {
    fn eq(&self, other: &Check) -> bool {
        (&self.line, &self.only) == (&other.line, &other.only)
    }
}

/// Pause between two looks at something that is still on its way.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Check {
    /// Reads a line.
    ///
    /// # Errors
    /// When its verb is unknown or its arguments are not of the verb's form.
    pub fn read(line: &str, only: &[Only]) -> Result<Check, String> {
        line::check(line, only)
    }

    /// What is looked at, in a few words for the student.
    pub fn what(&self) -> String {
        self.title.clone().unwrap_or_else(|| self.look.what())
    }

    /// What kind of answer this asks for, where it does.
    pub fn answer(&self) -> Option<Answer> {
        self.look.answer()
    }

    /// Whether it takes seconds.
    pub fn measures(&self) -> bool {
        self.look.measures()
    }

    /// The line for this Swarm, with its placeholders filled in.
    fn here(&self, scene: &Scene<'_>) -> anyhow::Result<Arc<dyn Look>> {
        if !self.line.contains("{{") {
            return Ok(Arc::clone(&self.look));
        }
        let filled = scene.facts.fill(&self.line)?;
        Ok(Check::read(&filled, &self.only).map_err(anyhow::Error::msg)?.look)
    }

    /// Looks once, within the bound of the look.
    pub async fn once(&self, scene: &Scene<'_>) -> Finding {
        let look = match self.here(scene) {
            Ok(look) => look,
            Err(error) => return Finding::no(format!("{error:#}")),
        };
        let bound = patient(look.bound());
        let mut found = match tokio::time::timeout(bound, look.look(scene)).await {
            Ok(Ok(finding)) => finding,
            // An engine that does not answer or is in no swarm is a finding: the error says what to do.
            Ok(Err(error)) => Finding::no(format!("{error:#}")),
            Err(_) => Finding::no(format!(
                "there was no answer within {} s: is the node up, and its engine? `lab cluster status`",
                bound.as_secs()
            )),
        };
        if let (true, Some(otherwise)) = (found.fails(), &self.otherwise) {
            let otherwise = scene.facts.fill(otherwise).unwrap_or_else(|_| otherwise.clone());
            found.said = if found.said.is_empty() { otherwise } else { format!("{}. {otherwise}", found.said) };
        }
        found
    }

    /// Looks until it holds, for so long at most; where `stubborn` is not set, only as long as something is on its way.
    pub async fn look(&self, scene: &Scene<'_>, within: Duration, stubborn: bool) -> Finding {
        let begun = tokio::time::Instant::now();
        loop {
            let found = self.once(scene).await;
            let waits = stubborn || found.converging;
            if !found.fails() || self.answer().is_some() || !waits || begun.elapsed() >= within {
                return found;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What this has to remember when the step begins, as it is now.
    pub async fn remember(&self, place: &Place, facts: &Facts) -> Option<(String, String)> {
        let source = self.look.remembers()?;
        let value = source.filled(facts).value(place).await;
        Some((source.to_string(), value.unwrap_or_default()))
    }
}
