//! The bytes of a request, built once.

use crate::options::Options;
use crate::target::{BadSetting, Target};

/// Builds the request for one of the two ways of using a connection.
pub fn build(target: &Target, options: &Options, keep_alive: bool) -> Result<Vec<u8>, BadSetting> {
    let method = &options.method;
    if !is_token(method) {
        return Err(BadSetting(format!("{method:?} is not an HTTP method; write it as GET or POST")));
    }
    if method == "CONNECT" {
        return Err(BadSetting("CONNECT opens a tunnel and cannot be pinged".to_owned()));
    }
    let mut head = format!("{method} {} HTTP/1.1\r\n", target.path);
    let mut add = |name: &str, value: &str| {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    };
    for (name, value) in [
        ("Host", target.host_header().as_str()),
        ("User-Agent", concat!("loadgen-ping/", env!("CARGO_PKG_VERSION"))),
        ("Accept", "*/*"),
        ("Connection", if keep_alive { "keep-alive" } else { "close" }),
    ] {
        if !options.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
            add(name, value);
        }
    }
    for (name, value) in &options.headers {
        check_header(name, value)?;
        add(name, value.trim());
    }
    if !options.body.is_empty() || ["POST", "PUT", "PATCH"].contains(&method.as_str()) {
        add("Content-Length", &options.body.len().to_string());
    }
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&options.body);
    Ok(bytes)
}

fn check_header(name: &str, value: &str) -> Result<(), BadSetting> {
    if !is_token(name) {
        return Err(BadSetting(format!("{name:?} is not the name of a header; write -H 'Name: value'")));
    }
    if value.bytes().any(|b| (b < b' ' && b != b'\t') || b == 0x7f) {
        return Err(BadSetting(format!("the value of header {name} has a control character in it")));
    }
    let framing = ["Content-Length", "Transfer-Encoding", "Expect", "Upgrade"];
    if framing.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
        return Err(BadSetting(format!("header {name} cannot be set; it follows from the body")));
    }
    Ok(())
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(options: &Options) -> Result<String, BadSetting> {
        build(&"h:81/x".parse().unwrap(), options, false).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_plain_get_closes_its_connection() {
        let sent = text(&Options::default()).unwrap();
        assert!(sent.starts_with("GET /x HTTP/1.1\r\nHost: h:81\r\n"), "{sent}");
        assert!(sent.contains("\r\nConnection: close\r\n"), "{sent}");
        assert!(!sent.contains("Content-Length"), "{sent}");
        assert!(sent.ends_with("\r\n\r\n"), "{sent}");
    }

    #[test]
    fn given_headers_replace_and_bodies_are_counted() {
        let options = Options {
            method: "POST".into(),
            headers: vec![("host".into(), " other ".into())],
            body: b"12345".to_vec(),
            ..Options::default()
        };
        let sent = text(&options).unwrap();
        assert!(sent.contains("\r\nhost: other\r\n") && !sent.contains("Host:"), "{sent}");
        assert!(sent.ends_with("Content-Length: 5\r\n\r\n12345"), "{sent}");
    }

    #[test]
    fn nothing_can_be_smuggled_into_the_head() {
        for (method, name, value) in [
            ("GET /", "A", "b"),
            ("", "A", "b"),
            ("GET", "A b", "c"),
            ("GET", "A", "b\r\nC: d"),
            ("GET", "content-length", "5"),
            ("CONNECT", "A", "b"),
        ] {
            let options =
                Options { method: method.into(), headers: vec![(name.into(), value.into())], ..Options::default() };
            text(&options).expect_err(&format!("{method:?} {name:?} {value:?}"));
        }
    }
}
