//! The heads of answers: what they say about the status and about where the answer ends.

use std::mem::MaybeUninit;

use crate::chunked::Chunked;

/// Headers that the first attempt has room for; more are parsed at a second attempt.
const USUAL_HEADERS: usize = 48;

/// Most headers that an answer may have.
const MAX_HEADERS: usize = 16 * 1024;

/// Longest head that is remembered.
const MAX_REMEMBERED: usize = 4096;

/// The answer breaks the rules of HTTP/1.1 so that its end cannot be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadAnswer;

/// How an answer is framed, known once its head is complete.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// As many bytes as this are still to come.
    Fixed(u64),
    /// Chunks until an empty one.
    Chunked(Chunked),
    /// Everything until the connection closes.
    UntilClose,
}

/// What a head says about the rest.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) keep_alive: bool,
    pub(crate) body: Body,
    /// Bytes of the head itself.
    pub(crate) length: usize,
}

/// Parses the heads of the answers on many connections, and remembers the last one.
///
/// Most servers answer a request that is always the same with a head that is the same for a second, until its date
/// changes. A head ends with its first empty line, so data that begin with the same bytes have the same head, and
/// comparing costs a tenth of parsing.
#[derive(Debug)]
pub struct Heads {
    /// Whether requests are `HEAD`, so that answers have no body.
    head_only: bool,
    bytes: Vec<u8>,
    last: Option<Head>,
}

impl Heads {
    /// For the answers to requests that are `HEAD` or are not.
    pub fn new(head_only: bool) -> Self {
        Heads { head_only, bytes: Vec::new(), last: None }
    }

    /// Parses a head that stands at the start of the data, if it is complete.
    #[inline]
    pub(crate) fn parse(&mut self, data: &[u8]) -> Result<Option<Head>, BadAnswer> {
        match &self.last {
            Some(last) if data.starts_with(&self.bytes) => Ok(Some(last.clone())),
            _ => self.parse_new(data),
        }
    }

    fn parse_new(&mut self, data: &[u8]) -> Result<Option<Head>, BadAnswer> {
        let head = parse_head(data, self.head_only)?;
        if let Some(head) = &head
            && head.length <= MAX_REMEMBERED
        {
            self.bytes.clear();
            self.bytes.extend_from_slice(&data[..head.length]);
            self.last = Some(head.clone());
        }
        Ok(head)
    }
}

/// Parses a head that stands at the start of the data, if it is complete.
fn parse_head(data: &[u8], head_only: bool) -> Result<Option<Head>, BadAnswer> {
    let mut headers = [const { MaybeUninit::uninit() }; USUAL_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut response, data, &mut headers) {
        Ok(httparse::Status::Complete(length)) => read_head(&response, length, head_only).map(Some),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => parse_long_head(data, head_only),
        Err(_) => Err(BadAnswer),
    }
}

#[cold]
fn parse_long_head(data: &[u8], head_only: bool) -> Result<Option<Head>, BadAnswer> {
    let mut headers = vec![httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(data) {
        Ok(httparse::Status::Complete(length)) => read_head(&response, length, head_only).map(Some),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(BadAnswer),
    }
}

/// Finds out how the answer is framed (RFC 9112, section 6.3).
fn read_head(response: &httparse::Response<'_, '_>, length: usize, head_only: bool) -> Result<Head, BadAnswer> {
    let status = response.code.ok_or(BadAnswer)?;
    let mut keep_alive = response.version == Some(1);
    let mut close = false;
    let mut content_length = None;
    let mut chunked = None;
    for header in response.headers.iter() {
        // The lengths of the three names that matter differ, so most headers are passed over by length alone.
        match header.name.len() {
            10 if header.name.eq_ignore_ascii_case("connection") => {
                for option in header.value.split(|&byte| byte == b',') {
                    let option = option.trim_ascii();
                    close |= option.eq_ignore_ascii_case(b"close");
                    keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            14 if header.name.eq_ignore_ascii_case("content-length") => {
                for value in header.value.split(|&byte| byte == b',') {
                    let value = parse_length(value.trim_ascii())?;
                    if content_length.is_some_and(|earlier| earlier != value) {
                        return Err(BadAnswer);
                    }
                    content_length = Some(value);
                }
            }
            17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                let last = header.value.rsplit(|&byte| byte == b',').next().unwrap_or_default();
                chunked = Some(last.trim_ascii().eq_ignore_ascii_case(b"chunked"));
            }
            _ => {}
        }
    }
    let no_body = head_only || status == 204 || status == 304 || (100..200).contains(&status);
    let body = match (no_body, chunked, content_length) {
        (true, _, _) => Body::Fixed(0),
        (_, Some(true), _) => Body::Chunked(Chunked::new()),
        (_, Some(false), _) => Body::UntilClose,
        (_, None, Some(length)) => Body::Fixed(length),
        (_, None, None) => Body::UntilClose,
    };
    // After a switch of protocols the connection speaks something else than HTTP.
    let keep_alive = keep_alive && !close && status != 101;
    Ok(Head { status, keep_alive, body, length })
}

fn parse_length(digits: &[u8]) -> Result<u64, BadAnswer> {
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadAnswer);
    }
    Ok(digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(heads: &mut Heads, data: &str) -> Option<(u16, usize)> {
        heads.parse(data.as_bytes()).unwrap().map(|head| (head.status, head.length))
    }

    #[test]
    fn a_head_that_came_before_says_the_same_again() {
        let mut heads = Heads::new(false);
        let (first, second) =
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n");
        for body in ["", "hi", "hiHTTP/1.1 404"] {
            assert_eq!(parse(&mut heads, &format!("{first}{body}")), Some((200, first.len())));
        }
        assert_eq!(parse(&mut heads, second), Some((404, second.len())), "another one is parsed");
        assert_eq!(parse(&mut heads, &second[..second.len() - 1]), None, "a part of it is not the whole");
        assert!(heads.parse(b"garbage\r\n\r\n").is_err());
        assert_eq!(parse(&mut heads, second), Some((404, second.len())));
    }

    #[test]
    fn long_heads_are_parsed_each_time() {
        let mut heads = Heads::new(false);
        let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(MAX_REMEMBERED));
        for _ in 0..2 {
            assert_eq!(parse(&mut heads, &long), Some((200, long.len())));
        }
        assert!(heads.bytes.is_empty());
    }
}
