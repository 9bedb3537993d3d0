//! What every service shares: settings, serving HTTP, metrics, health, logs.
//!
//! Nothing here knows a service. A service is a `Config`, a function from it to a [`axum::Router`], and a `main` that
//! calls [`start::serve_until_signal`].

pub mod body;
pub mod clock;
mod connection;
pub mod health;
pub mod host;
pub mod listen;
pub mod logs;
pub mod metrics;
pub mod ops;
pub mod page;
pub mod serve;
mod server;
pub mod settings;
pub mod slots;
pub mod start;
