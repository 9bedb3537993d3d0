//! Runs against servers on loopback that do what a script says.

mod accounting;
mod connections;
mod drain;
mod outcomes;
mod robust;
mod support;
mod tls;
