//! The table of verbs. A new one is a file in `verb` and a line here; `docs/authoring.md` shows the table.

use super::line::Args;
use super::{Look, verb};

/// A verb.
pub struct Verb {
    /// How it is written, its arguments in capitals.
    pub form: &'static str,
    /// What it looks at.
    pub about: &'static str,
    /// A line that can be read.
    pub example: &'static str,
    /// It knows no service and no node, so the lab says what to do where it does not hold: `else "..."`.
    pub generic: bool,
    /// It always holds before the step, so it is written with `keep`.
    pub holds_at_first: bool,
    /// Reads the arguments.
    pub read: fn(&mut Args) -> Result<Box<dyn Look>, String>,
}

impl Verb {
    /// Its word.
    pub fn name(&self) -> &'static str {
        self.form.split(' ').next().unwrap_or_default()
    }
}

/// All of them: first those that look at anything, then those that know their subject.
pub const VERBS: &[Verb] = &[
    verb::run::RUN,
    verb::http::HTTP,
    verb::inspect::INSPECT,
    verb::tcp::TCP,
    verb::names::NAMES,
    verb::lint::LINT,
    verb::changed::CHANGED,
    verb::changed::UNCHANGED,
    verb::answer::ANSWER,
    verb::service::RUNNING,
    verb::service::GLOBAL,
    verb::placed::SPREAD,
    verb::replaced::REPLACED,
    verb::placed::NONE_ON,
    verb::placed::SOME_ON,
    verb::mounted::MOUNTED,
    verb::waits::PENDING,
    verb::waits::COMPLETED,
    verb::update::UPDATED,
    verb::update::RUNS_IMAGE,
    verb::nodes::SWARM_ACTIVE,
    verb::nodes::PRIVATE_ADDRESSES,
    verb::nodes::READY,
    verb::nodes::MANAGERS,
    verb::nodes::NODE_STATE,
    verb::nodes::AVAILABILITY,
    verb::things::NO_SERVICE,
    verb::things::OVERLAY,
    verb::things::NO_NETWORK,
    verb::things::STACK,
    verb::table::TASKS_TABLE,
    verb::registry::CATALOG_EVERYWHERE,
    verb::registry::CATALOG_HAS,
    verb::registry::IMAGE_ON,
    verb::compose::COMPOSE_RUNNING,
    verb::compose::COMPOSE_RESTARTED,
    verb::compose::COMPOSE_GONE,
    verb::measure::COUNTER_MOVES,
    verb::measure::CPU_UNDER,
    verb::measure::RATE,
    verb::measure::SLOWER,
];

/// A question after a word that is nearly a verb's.
pub fn nearest(word: &str) -> String {
    let front = |name: &str| name.chars().zip(word.chars()).take_while(|(a, b)| a == b).count();
    let back = |name: &str| name.chars().rev().zip(word.chars().rev()).take_while(|(a, b)| a == b).count();
    let common = |name: &str| front(name) + back(name);
    let best = VERBS.iter().map(Verb::name).max_by_key(|name| common(name)).unwrap_or_default();
    if common(best) >= 3 { format!("; did you mean `{best}`?") } else { String::new() }
}
