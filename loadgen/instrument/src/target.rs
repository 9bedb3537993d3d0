//! Where requests go: a URL taken apart.

use std::fmt;

/// The parts of a URL that a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whether the connection is encrypted (`https`).
    pub tls: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path and query, beginning with `/`.
    pub path: String,
}

/// What is wrong with a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{url}` is not a URL that can be loaded: {reason}")]
pub struct BadUrl {
    url: String,
    reason: &'static str,
}

impl Target {
    /// Takes a URL apart. Without a scheme, `http` is assumed.
    pub fn parse(url: &str) -> Result<Target, BadUrl> {
        let bad = |reason| BadUrl { url: url.to_owned(), reason };
        if url.is_empty() {
            return Err(bad("it is empty"));
        }
        if url.bytes().any(|byte| byte <= b' ' || byte >= 0x7f) {
            return Err(bad("it holds a space, a control character or a letter that is not ASCII; write those as %20"));
        }
        let (tls, rest) = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some(_) => return Err(bad("the scheme is neither http nor https")),
            None => (false, url),
        };
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let path = if path.starts_with('?') { format!("/{path}") } else { path.to_owned() };
        if authority.contains('@') {
            return Err(bad("it holds a user name; send it as a header, for example -H 'Authorization: Basic ...'"));
        }
        let (host, port) = if let Some(inner) = authority.strip_prefix('[') {
            let (host, after) = inner.split_once(']').ok_or_else(|| bad("the bracket of its address is not closed"))?;
            let port = match after.strip_prefix(':') {
                Some(port) => Some(port),
                None if after.is_empty() => None,
                None => return Err(bad("something other than a port follows its address")),
            };
            (host, port)
        } else {
            match authority.split_once(':') {
                Some((_, port)) if port.contains(':') => {
                    return Err(bad("write an IPv6 address in brackets, as http://[::1]:8080/"));
                }
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            }
        };
        if host.is_empty() {
            return Err(bad("it names no host"));
        }
        let port = match port {
            None if tls => 443,
            None => 80,
            Some(text) => match text.parse::<u16>() {
                Ok(port) if port > 0 => port,
                _ => return Err(bad("its port is not a number from 1 to 65535")),
            },
        };
        Ok(Target { tls, host: host.to_owned(), port, path })
    }

    /// Host and port as the `Host` header names them: the port only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.tls { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (url, expected) in [
            ("localhost:8001", "http://localhost:8001/"),
            ("http://rng/32", "http://rng/32"),
            ("HTTP://rng:80/32?x=1#top", "http://rng/32?x=1"),
            ("https://example.org", "https://example.org/"),
            ("https://example.org:8443/a", "https://example.org:8443/a"),
            ("http://[::1]:8080/x", "http://[::1]:8080/x"),
            ("http://[::1]", "http://[::1]/"),
            ("rng?n=1", "http://rng/?n=1"),
        ] {
            assert_eq!(Target::parse(url).unwrap().to_string(), expected, "{url}");
        }
    }

    #[test]
    fn bad_urls_are_refused_with_a_reason() {
        for (url, reason) in [
            ("", "empty"),
            ("ftp://x/", "scheme"),
            ("http://", "no host"),
            ("http://x:0/", "port"),
            ("http://x:99999/", "port"),
            ("http://a b/", "space"),
            ("http://::1/", "brackets"),
            ("http://u:p@x/", "user name"),
            ("http://[::1/", "bracket"),
        ] {
            let error = Target::parse(url).unwrap_err().to_string();
            assert!(error.contains(reason), "{url}: {error}");
        }
    }
}
