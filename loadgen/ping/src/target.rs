//! Where a probe goes.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// What is wrong with a URL or an option, in one line that says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSetting(pub(crate) String);

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadSetting {}

/// A URL taken apart: `http` or `https`, host, port and path with query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whether the connection is wrapped in TLS.
    pub tls: bool,
    /// A name or an address, without the brackets of IPv6.
    pub host: String,
    /// The port, 80 or 443 where the URL has none.
    pub port: u16,
    /// Path and query, beginning with a slash.
    pub path: String,
}

impl Target {
    /// Host and port, as `127.0.0.1:8001` or `[::1]:8001`.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.bracketed(), self.port)
    }

    /// The value of the Host header: the port only where it is not the scheme's own.
    pub(crate) fn host_header(&self) -> String {
        if self.port == self.default_port() { self.bracketed() } else { self.authority() }
    }

    /// The address, where the host is one and no name needs resolving.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    fn default_port(&self) -> u16 {
        if self.tls { 443 } else { 80 }
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.host_header(), self.path)
    }
}

impl FromStr for Target {
    type Err = BadSetting;

    /// Reads a URL; one without a scheme is taken as http.
    fn from_str(url: &str) -> Result<Self, BadSetting> {
        let bad = |what: String| BadSetting(format!("{url:?} is not a URL that can be pinged: {what}"));
        if let Some(odd) = url.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(bad(format!("it has {odd:?} in it; write that percent-encoded (a host as punycode)")));
        }
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            None => ("http".to_owned(), url),
        };
        let tls = match scheme.as_str() {
            "http" => false,
            "https" => true,
            other => return Err(bad(format!("the scheme {other} is neither http nor https"))),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(bad("a name and password in it are not sent; use -H 'Authorization: Basic ...'".to_owned()));
        }
        let (host, port) = split_port(authority).map_err(bad)?;
        if host.is_empty() {
            return Err(bad("it has no host".to_owned()));
        }
        if authority.starts_with('[') && host.parse::<Ipv6Addr>().is_err() {
            return Err(bad(format!("{host} is not an IPv6 address")));
        }
        if !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b)) {
            return Err(bad(format!("{host} cannot be the name of a host")));
        }
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: port.unwrap_or(if tls { 443 } else { 80 }),
            path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
        })
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = if let Some(inside) = authority.strip_prefix('[') {
        let (host, after) = inside.split_once(']').ok_or("the bracket of the IPv6 address is not closed")?;
        match after.strip_prefix(':') {
            Some(port) => (host, port),
            None if after.is_empty() => (host, ""),
            None => return Err(format!("{after} follows the bracket where only :port may")),
        }
    } else {
        match authority.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("an IPv6 address goes in brackets, as [::1]:8001".to_owned());
            }
            Some((host, port)) => (host, port),
            None => (authority, ""),
        }
    };
    if port.is_empty() {
        return Ok((host, None));
    }
    match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|b| b.is_ascii_digit()) => Ok((host, Some(number))),
        _ => Err(format!("the port {port} is not a number from 1 to 65535")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        let target: Target = url.parse().unwrap();
        format!("{} {} {target}", target.authority(), target.path)
    }

    #[test]
    fn urls_are_taken_apart() {
        assert_eq!(shown("localhost:8001"), "localhost:8001 / http://localhost:8001/");
        assert_eq!(shown("http://rng"), "rng:80 / http://rng/");
        assert_eq!(shown("HTTPS://a.example?q=1#part"), "a.example:443 /?q=1 https://a.example/?q=1");
        assert_eq!(shown("[::1]:8002/32"), "[::1]:8002 /32 http://[::1]:8002/32");
        assert_eq!(shown("https://[::1]"), "[::1]:443 / https://[::1]/");
        assert_eq!(shown("127.0.0.1/a:b@c"), "127.0.0.1:80 /a:b@c http://127.0.0.1/a:b@c");
    }

    #[test]
    fn what_is_wrong_with_a_url_is_named() {
        for (url, says) in [
            ("", "no host"),
            ("http://", "no host"),
            ("ftp://x", "neither http nor https"),
            ("x:0", "not a number from 1 to 65535"),
            ("x:65536", "not a number from 1 to 65535"),
            ("x:+80", "not a number from 1 to 65535"),
            ("::1", "in brackets"),
            ("[::1", "not closed"),
            ("[::1]8", "only :port"),
            ("[a]:80", "not an IPv6 address"),
            ("[a:b]:80", "not an IPv6 address"),
            ("a b", "percent-encoded"),
            ("http://x/\r\nX: y", "percent-encoded"),
            ("me:secret@x", "Authorization"),
            ("http://x%20y/", "cannot be the name"),
        ] {
            let error = url.parse::<Target>().expect_err(url).to_string();
            assert!(error.contains(says), "{url}: {error}");
        }
    }
}
