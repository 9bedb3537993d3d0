//! Why a request did not give what was asked for.

use std::io;
use std::time::Duration;

/// Why a request to rng or hasher failed. The name of the variant is the cause that metrics and the log tell.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Failure {
    /// The name has no address.
    #[error("the name does not resolve: {0}")]
    Resolve(io::Error),
    /// No connection.
    #[error("no connection: {0}")]
    Connect(io::Error),
    /// No answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection broke, or what came was not HTTP.
    #[error("the connection broke: {0}")]
    Broken(hyper::Error),
    /// An answer with another status than 200.
    #[error("answered with status {0}")]
    Status(u16),
    /// An answer that is too long, or not the thing asked for.
    #[error("answered with {0}")]
    Wrong(&'static str),
}
