//! What a lab is made of.

use crate::check::Assertion;

/// A lab: steps that build on one another, from a known beginning.
#[derive(Debug, Clone, PartialEq)]
pub struct Lab {
    /// Its place among the labs, from 1.
    pub number: usize,
    /// What it is about, in a few words.
    pub title: String,
    /// How long a student takes.
    pub minutes: u32,
    /// What is there when it begins.
    pub start: Start,
    /// What comes before the first step.
    pub intro: String,
    /// The steps, in their order.
    pub steps: Vec<Step>,
}

/// What is there when a lab begins. Each builds on those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// Machines with Docker, in no swarm, with nothing running.
    Nodes,
    /// The application on head, by compose.
    Compose,
    /// The machines are a swarm.
    Swarm,
    /// A registry in the swarm that has all images.
    Registry,
    /// The application as services, with webui published.
    Services,
}

impl Start {
    /// Reads the word of a lab's header.
    pub fn from_word(word: &str) -> Option<Start> {
        Some(match word {
            "nodes" => Start::Nodes,
            "compose" => Start::Compose,
            "swarm" => Start::Swarm,
            "registry" => Start::Registry,
            "services" => Start::Services,
            _ => return None,
        })
    }

    /// The sections of the start file that lead here, in their order.
    pub fn sections(self) -> &'static [&'static str] {
        match self {
            Start::Nodes => &[],
            Start::Compose => &["compose"],
            Start::Swarm => &["swarm"],
            Start::Registry => &["swarm", "registry"],
            Start::Services => &["swarm", "registry", "services"],
        }
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
    /// What the student answers before anything runs.
    pub question: Option<Question>,
    /// What the student is told to do, commands included.
    pub task: Vec<Part>,
    /// What to look at afterwards.
    pub observe: String,
    /// For whoever is stuck.
    pub hint: String,
    /// The explanation, and the commands where the task left them to the student.
    pub solution: Vec<Part>,
    /// What must hold when the step is done.
    pub checks: Vec<Assertion>,
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
}

/// The commands among the parts of a section.
pub fn commands(parts: &[Part]) -> impl Iterator<Item = &Commands> {
    parts.iter().filter_map(|part| match part {
        Part::Commands(commands) => Some(commands),
        Part::Text(_) => None,
    })
}

/// A question with its choices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is asked, choices included, as it is shown.
    pub text: String,
    /// The letters of the choices.
    pub choices: Vec<char>,
    /// The letter that is right.
    pub right: char,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Markdown to read.
    Text(String),
    /// Commands to run.
    Commands(Commands),
}

/// A block of commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    /// Where it runs.
    pub on: On,
    /// Runs only where all of these hold.
    pub only: Vec<Only>,
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
