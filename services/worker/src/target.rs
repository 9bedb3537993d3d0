//! Where a service is: a URL taken apart.

use std::str::FromStr;

use http::Uri;
use http::uri::Scheme;

/// A service's host and port, and the path in front of its routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name or address, as written.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What stands in front of every path; empty, or `/something`.
    pub base: String,
}

impl Target {
    /// A service by name and port.
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port, base: String::new() }
    }

    /// What the `Host` header says.
    pub fn authority(&self) -> String {
        if self.port == 80 { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no URL of a service: write http://name or http://name:port");
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let uri: Uri = full.parse().map_err(|_| wrong())?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(format!("`{text}` is not http: the services of this application speak plain HTTP"));
        }
        let authority = uri.authority().ok_or_else(wrong)?;
        if uri.query().is_some() || authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(wrong());
        }
        let base = uri.path().trim_end_matches('/').to_owned();
        let port = match authority.as_str()[authority.host().len()..].strip_prefix(':') {
            None => 80,
            Some(digits) => digits.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?,
        };
        Ok(Self { host: authority.host().to_owned(), port, base })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_read_as_written() {
        assert_eq!("http://rng".parse(), Ok(Target::new("rng", 80)));
        assert_eq!("http://localhost:8001/".parse(), Ok(Target::new("localhost", 8001)));
        assert_eq!("rng:81".parse(), Ok(Target::new("rng", 81)));
        assert_eq!("http://[::1]:81".parse(), Ok(Target::new("[::1]", 81)));
        let base = Target { base: "/api".into(), ..Target::new("rng", 80) };
        assert_eq!("http://rng/api/".parse(), Ok(base));
    }

    #[test]
    fn a_bad_url_is_refused() {
        for text in [
            "",
            "http://",
            "https://rng",
            "ftp://rng",
            "http://rng:0",
            "http://rng:99999",
            "http://a@rng",
            "http://rng?x=1",
            "http://r ng",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text} was taken");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,30}") {
            let _ = text.parse::<Target>();
        }
    }
}
