//! What a probe sends, and how long it waits.

use std::time::Duration;

/// Which addresses of a host may be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Family {
    /// Those that the resolver gives, in its order.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// The options of a [`Probe`](crate::Probe); the default is a plain GET, given up after 30 s.
#[derive(Debug, Clone)]
pub struct Options {
    /// The method.
    pub method: String,
    /// Headers as name and value. Host, User-Agent and Accept replace the built-in ones.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// The bound on one whole request, from resolving to the last byte.
    pub timeout: Duration,
    /// Which addresses may be used.
    pub family: Family,
    /// Take any certificate.
    pub insecure: bool,
    /// Resolve the name for the first request only, instead of for every one.
    pub resolve_once: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: Duration::from_secs(30),
            family: Family::Any,
            insecure: false,
            resolve_once: false,
        }
    }
}
