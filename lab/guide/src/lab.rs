//! What a lab is made of.

use std::collections::BTreeMap;

use crate::check::Check;
use crate::need::Need;

/// A lab: steps that build on one another, from a known beginning.
#[derive(Debug, Clone, PartialEq)]
pub struct Lab {
    /// The folder that it is in: `coins`.
    pub track: String,
    /// Its name in its track, that of its file without the number: `compose`. Progress is kept by it.
    pub slug: String,
    /// Its place in its track, from 1.
    pub number: usize,
    /// What it is about, in a few words.
    pub title: String,
    /// How long a student takes.
    pub minutes: u32,
    /// The beginnings that are made first; none: machines with Docker, in no swarm.
    pub start: Vec<String>,
    /// What the nodes must have for any of it.
    pub needs: Vec<Need>,
    /// What comes before the first step.
    pub intro: String,
    /// The steps, in their order.
    pub steps: Vec<Step>,
}

impl Lab {
    /// What progress is kept by, `coins/compose`: it stays when another lab is put before this one.
    pub fn id(&self) -> String {
        format!("{}/{}", self.track, self.slug)
    }

    /// What is typed: `coins/1`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.track, self.number)
    }
}

/// One step of a lab.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its place in the lab, from 1.
    pub number: usize,
    /// What is done.
    pub title: String,
    /// Why it is done.
    pub purpose: String,
    /// Nothing is done in it but reading, so answers are all that can be checked.
    pub reading: bool,
    /// What the nodes must have for this step; it is skipped where they lack it.
    pub needs: Vec<Need>,
    /// What the student chooses before anything runs.
    pub question: Option<Question>,
    /// What the student reads from the swarm and types, after the commands ran.
    pub ask: Option<String>,
    /// What the student is told to do, commands included.
    pub task: Vec<Part>,
    /// What to look at afterwards.
    pub observe: String,
    /// For whoever is stuck.
    pub hint: String,
    /// The explanation, and the commands where the task left them to the student.
    pub solution: Vec<Part>,
    /// What must hold when the step is done.
    pub checks: Vec<Check>,
    /// Wrong turns, and what the checks say to each.
    pub mistakes: Vec<Mistake>,
    /// Rows of the checklist that are covered.
    pub rows: Vec<String>,
}

impl Step {
    /// The commands that do the step: those of the solution, or those of the task where the solution has none.
    pub fn commands(&self) -> impl Iterator<Item = &Commands> {
        let of = |parts: &[Part]| parts.iter().any(|part| matches!(part, Part::Commands(_)));
        let parts = if of(&self.solution) { &self.solution } else { &self.task };
        commands(parts)
    }

    /// The commands by which a student reads what `Ask` asks for; one for each kind of Swarm.
    pub fn readings(&self) -> impl Iterator<Item = &Commands> {
        self.solution.iter().filter_map(|part| match part {
            Part::Answer(commands) => Some(commands),
            Part::Text(_) | Part::Commands(_) => None,
        })
    }
}

/// A command that students do type, and what the check must say then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong with it, in a few words.
    pub title: String,
    /// What is typed.
    pub commands: Vec<Commands>,
    /// A part of what one of the check's lines must say.
    pub says: String,
    /// The untouched state is told the same: the mistake changes nothing that a check could see.
    pub anyway: bool,
    /// The way back, where the solution does not lead on from here by itself.
    pub back: Vec<Commands>,
}

/// The commands among the parts of a section.
pub fn commands(parts: &[Part]) -> impl Iterator<Item = &Commands> {
    parts.iter().filter_map(|part| match part {
        Part::Commands(commands) => Some(commands),
        Part::Text(_) | Part::Answer(_) => None,
    })
}

/// A question with its choices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is asked, without the choices.
    pub text: String,
    /// The choices, each with its letter.
    pub choices: Vec<(char, String)>,
    /// The letter that is right.
    pub right: char,
    /// Why a wrong choice tempts, by its letter.
    pub tempting: BTreeMap<char, String>,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Markdown to read.
    Text(String),
    /// Commands to run.
    Commands(Commands),
    /// A command whose output is the answer to what is asked, as a student reads it.
    Answer(Commands),
}

/// A block of commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    /// Where it runs.
    pub on: On,
    /// Runs only where all of these hold.
    pub only: Vec<Only>,
    /// A walk goes on where one of them fails: that is what they show.
    pub may_fail: bool,
    /// The commands, with placeholders.
    pub script: String,
}

/// Where commands run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    /// On a node, by its name.
    Node(String),
    /// Where `lab` itself runs.
    Here,
}

/// What must be so for a block to be for this Swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// The kernel has IPVS.
    Ipvs,
    /// The kernel has no IPVS.
    NoIpvs,
    /// The nodes are containers of `lab cluster`.
    Cluster,
    /// The nodes are machines of their own.
    Machines,
}

impl Only {
    /// Reads the word behind `if=`.
    pub fn from_word(word: &str) -> Option<Only> {
        Some(match word {
            "ipvs" => Only::Ipvs,
            "no-ipvs" => Only::NoIpvs,
            "cluster" => Only::Cluster,
            "machines" => Only::Machines,
            _ => return None,
        })
    }
}
