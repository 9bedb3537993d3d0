//! Containers on request: users start, look at and end environments of their own by an HTTP API.
//!
//! | route | answer |
//! |---|---|
//! | `POST /environments` with `Idempotency-Key` | 202, and where the environment is; the same key gives the same environment |
//! | `GET /environments`, `GET /environments/{id}` | the caller's own, with state, reason, address and end |
//! | `DELETE /environments/{id}` | 204 |
//! | `GET /openapi.json` | all of this, for programs |
//!
//! The Swarm is the scheduler and the only store. An environment is a service whose name is a hash of user and key and whose labels say
//! whose it is and when it ends. Names of services are unique, so one key makes one environment however many replicas of this
//! program are asked at once, and whichever of them dies.
//!
//! The API has no Docker socket. It talks to [`proxy`], which lets through what an environment needs and nothing else.

pub mod api;
mod environment;
mod problem;
pub mod program;
pub mod proxy;
mod reaper;
mod scheduler;
mod spec;
mod users;

pub use api::{Clock, Config, Service};
pub use environment::{Environment, State};
pub use reaper::reap;
pub use scheduler::{Docker, Error, Scheduler};
pub use spec::{Labels, Template, is_name};
pub use users::{Keys, Users};
