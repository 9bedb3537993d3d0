//! The services as programs: hostile clients, signals, exact counts, and the public application's parts beside ours.
//!
//! The tests lie in `tests/`; here is how they start the services, and the peers that stand for the public ones.

mod peer;
mod service;

pub use peer::Peer;
pub use service::{Service, program};
