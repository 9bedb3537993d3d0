//! The verbs: each file has one, or a few that belong together.

pub mod answer;
pub mod changed;
pub mod compose;
pub mod http;
pub mod inspect;
pub mod lint;
pub mod measure;
pub mod mounted;
pub mod names;
pub mod nodes;
pub mod placed;
pub mod registry;
pub mod replaced;
pub mod run;
pub mod service;
pub mod table;
pub mod tcp;
pub mod things;
pub mod update;
pub mod waits;

/// A node as a sentence names it: `each` stands for all of them.
fn node(name: &str) -> &str {
    if name == "each" { "each node" } else { name }
}

/// So many of something: `1 worker`, `2 workers`.
fn counted(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}
