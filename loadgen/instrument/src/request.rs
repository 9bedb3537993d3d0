//! The bytes of a request, built once and sent many times.

use crate::target::Target;

/// What to send.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method, `GET` unless told otherwise.
    pub method: String,
    /// Headers beside `Host`, `Content-Length` and `Connection`; one of these here replaces ours.
    pub headers: Vec<(String, String)>,
    /// Body; empty for none.
    pub body: Vec<u8>,
    /// Whether the connection is kept for the next request.
    pub keep_alive: bool,
}

impl Default for Request {
    fn default() -> Self {
        Request { method: "GET".to_owned(), headers: Vec::new(), body: Vec::new(), keep_alive: true }
    }
}

/// What is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// The method holds something else than letters and the few signs that a method may hold.
    #[error("`{0}` is not a method: it holds a character that a method must not hold")]
    Method(String),
    /// A header without a colon, or with a name that HTTP does not allow.
    #[error("`{0}` is not a header; write it as `Name: value`")]
    Header(String),
    /// A method that switches the connection to something else than HTTP.
    #[error("the method CONNECT turns a connection into a tunnel; it cannot be measured as requests")]
    Connect,
}

/// Whether a byte may stand in a method or in the name of a header (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Reads a header as it is written on a command line: `Name: value`.
pub fn parse_header(text: &str) -> Result<(String, String), BadRequest> {
    let bad = || BadRequest::Header(text.to_owned());
    let (name, value) = text.split_once(':').ok_or_else(bad)?;
    let value = value.trim();
    let proper = !name.is_empty()
        && name.bytes().all(is_token)
        && value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
    if proper { Ok((name.to_owned(), value.to_owned())) } else { Err(bad()) }
}

impl Request {
    /// The request as it goes over the wire.
    pub fn build(&self, target: &Target) -> Result<Vec<u8>, BadRequest> {
        if self.method.is_empty() || !self.method.bytes().all(is_token) {
            return Err(BadRequest::Method(self.method.clone()));
        }
        if self.method.eq_ignore_ascii_case("CONNECT") {
            return Err(BadRequest::Connect);
        }
        let given = |wanted: &str| self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, target.path);
        if !given("host") {
            head += &format!("Host: {}\r\n", target.authority());
        }
        if !given("user-agent") {
            head += concat!("User-Agent: loadgen/", env!("CARGO_PKG_VERSION"), "\r\n");
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        // A method that usually carries a body says so even when the body is empty (RFC 9110, section 8.6).
        let expects_body = matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        let framed = given("content-length") || given("transfer-encoding");
        if !framed && (expects_body || !self.body.is_empty()) {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        if !self.keep_alive && !given("connection") {
            head += "Connection: close\r\n";
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        Ok(bytes)
    }

    /// Whether the answer has no body whatever its headers say.
    pub fn is_head(&self) -> bool {
        self.method == "HEAD"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(request: &Request) -> String {
        String::from_utf8(request.build(&Target::parse("http://rng:8001/32").unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn a_plain_get_is_short() {
        let expected = concat!(
            "GET /32 HTTP/1.1\r\nHost: rng:8001\r\nUser-Agent: loadgen/",
            env!("CARGO_PKG_VERSION"),
            "\r\n\r\n"
        );
        assert_eq!(text(&Request::default()), expected);
    }

    #[test]
    fn a_body_brings_its_length_and_a_given_header_replaces_ours() {
        let request = Request {
            method: "POST".into(),
            headers: vec![parse_header("host: other").unwrap(), parse_header("X-A:  b ").unwrap()],
            body: b"hello".to_vec(),
            keep_alive: false,
        };
        let text = text(&request);
        assert!(!text.contains("Host: rng"), "{text}");
        assert!(
            text.contains("host: other\r\nX-A: b\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"),
            "{text}"
        );
    }

    #[test]
    fn nothing_can_be_smuggled_in_by_a_header_or_method() {
        assert!(parse_header("no colon").is_err());
        assert!(parse_header("a b: c").is_err());
        assert!(parse_header("a: b\r\nc: d").is_err());
        let request = Request { method: "GET /x HTTP/1.1".into(), ..Request::default() };
        assert!(request.build(&Target::parse("x").unwrap()).is_err());
    }
}
