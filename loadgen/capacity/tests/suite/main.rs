//! The search against servers on a clock of their own.

mod known_answers;
mod queue;
mod real;
mod search;
mod theory;
