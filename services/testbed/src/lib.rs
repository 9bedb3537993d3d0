//! What tests stand on: a real Redis, a real MariaDB, a browser, programs as processes, waiting with a bound.
//!
//! Only tests use this crate. Everything here fails loudly when what it needs is not installed, and cleans up when it is
//! dropped.

mod browser;
mod http;
mod mariadb_server;
mod program;
mod proxy;
mod redis_server;
mod wait;

pub use browser::{Browser, Page};
pub use http::{Answer, OK, get, post, request, server};
pub use mariadb_server::MariaDbServer;
pub use program::{Program, binary, free_port};
pub use proxy::Proxy;
pub use redis_server::RedisServer;
pub use wait::wait_for;
