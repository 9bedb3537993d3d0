//! Answers, read as they come in. The body is counted and thrown away.

use std::mem::MaybeUninit;

use crate::chunked::Chunked;

/// Longest head of an answer that is read before the answer counts as broken.
pub const MAX_HEAD: usize = 1024 * 1024;

/// Headers that the first attempt has room for; more are parsed at a second attempt.
const USUAL_HEADERS: usize = 48;

/// Most headers that an answer may have.
const MAX_HEADERS: usize = 16 * 1024;

/// A complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Status code of the final answer; interim answers (100 to 199) are skipped.
    pub status: u16,
    /// Whether the connection can carry another request.
    pub reusable: bool,
    /// Bytes of content.
    pub body: u64,
}

/// The answer breaks the rules of HTTP/1.1 so that its end cannot be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadAnswer;

/// How an answer is framed, known once its head is complete.
#[derive(Debug, Clone)]
enum Body {
    /// As many bytes as this are still to come.
    Fixed(u64),
    /// Chunks until an empty one.
    Chunked(Chunked),
    /// Everything until the connection closes.
    UntilClose,
}

/// What a head says about the rest.
#[derive(Debug)]
struct Head {
    status: u16,
    keep_alive: bool,
    body: Body,
    length: usize,
}

/// Reads one answer after another from one connection.
#[derive(Debug)]
pub struct Parser {
    /// Whether requests are `HEAD`, so that answers have no body.
    head_only: bool,
    /// The part of a head that came so far, when it came in pieces.
    partial: Vec<u8>,
    /// Length of the partial head when it was last parsed.
    tried: usize,
    /// The answer whose body is being read.
    current: Option<Head>,
    /// Content of the current answer so far, where it is not chunked.
    content: u64,
}

impl Parser {
    /// A parser for the answers to requests that are `HEAD` or are not.
    pub fn new(head_only: bool) -> Self {
        Parser { head_only, partial: Vec::new(), tried: 0, current: None, content: 0 }
    }

    /// Forgets what came so far; to be called when the connection is given up.
    pub fn reset(&mut self) {
        self.partial = Vec::new();
        self.tried = 0;
        self.current = None;
        self.content = 0;
    }

    /// Whether any byte of the current answer has come.
    pub fn started(&self) -> bool {
        self.current.is_some() || !self.partial.is_empty()
    }

    /// Reads on. Gives the answer when it is complete; nothing may follow it, since nothing more was asked: bytes
    /// after its end make the connection useless for another request.
    #[inline]
    pub fn feed(&mut self, data: &[u8]) -> Result<Option<Answer>, BadAnswer> {
        if self.current.is_some() {
            return self.feed_body(data);
        }
        if !self.partial.is_empty() {
            return self.feed_partial(data);
        }
        match parse_head(data, self.head_only)? {
            Some(head) => self.begin_body(head, data),
            None => {
                self.keep(data)?;
                Ok(None)
            }
        }
    }

    /// The connection was closed. Gives the answer where the close is what ends it.
    pub fn close(&mut self) -> Result<Option<Answer>, BadAnswer> {
        if !self.partial.is_empty() {
            // A head that never became complete may be no HTTP at all, which is worth telling apart.
            parse_head(&self.partial, self.head_only)?;
            return Ok(None);
        }
        match self.current.take() {
            Some(Head { status, body: Body::UntilClose, .. }) => {
                let body = std::mem::take(&mut self.content);
                Ok(Some(Answer { status, reusable: false, body }))
            }
            other => {
                self.current = other;
                Ok(None)
            }
        }
    }

    fn keep(&mut self, data: &[u8]) -> Result<(), BadAnswer> {
        self.partial.extend_from_slice(data);
        self.tried = self.partial.len();
        if self.partial.len() > MAX_HEAD { Err(BadAnswer) } else { Ok(()) }
    }

    /// A head that comes in many pieces is parsed when an empty line came or when its length has doubled since the
    /// last attempt, so that the work stays proportional to its length and garbage is still noticed early.
    fn feed_partial(&mut self, data: &[u8]) -> Result<Option<Answer>, BadAnswer> {
        let seen = self.partial.len().saturating_sub(2);
        self.partial.extend_from_slice(data);
        let fresh = &self.partial[seen..];
        let ends = fresh.windows(2).any(|pair| pair == b"\n\n") || fresh.windows(3).any(|three| three == b"\n\r\n");
        if !ends && self.partial.len() < self.tried.saturating_mul(2) {
            return if self.partial.len() > MAX_HEAD { Err(BadAnswer) } else { Ok(None) };
        }
        self.tried = self.partial.len();
        match parse_head(&self.partial, self.head_only)? {
            Some(head) => {
                let bytes = std::mem::take(&mut self.partial);
                self.tried = 0;
                self.begin_body(head, &bytes)
            }
            None if self.partial.len() > MAX_HEAD => Err(BadAnswer),
            None => Ok(None),
        }
    }

    fn begin_body(&mut self, head: Head, data: &[u8]) -> Result<Option<Answer>, BadAnswer> {
        let rest = &data[head.length..];
        if (100..200).contains(&head.status) && head.status != 101 {
            return if rest.is_empty() { Ok(None) } else { self.feed(rest) };
        }
        if let Body::Fixed(length) = head.body
            && rest.len() as u64 >= length
        {
            // The whole answer is here: the usual case, which needs no state.
            let reusable = head.keep_alive && rest.len() as u64 == length;
            return Ok(Some(Answer { status: head.status, reusable, body: length }));
        }
        self.current = Some(head);
        self.content = 0;
        self.feed_body(rest)
    }

    fn feed_body(&mut self, data: &[u8]) -> Result<Option<Answer>, BadAnswer> {
        let Some(head) = &mut self.current else { return Ok(None) };
        let (end, body) = match &mut head.body {
            Body::Fixed(remaining) => {
                let take = (*remaining).min(data.len() as u64);
                *remaining -= take;
                self.content += take;
                if *remaining > 0 {
                    return Ok(None);
                }
                (take as usize, self.content)
            }
            Body::Chunked(chunked) => match chunked.feed(data) {
                Ok(Some(end)) => (end, chunked.body()),
                Ok(None) => return Ok(None),
                Err(_) => return Err(BadAnswer),
            },
            Body::UntilClose => {
                self.content += data.len() as u64;
                return Ok(None);
            }
        };
        let answer = Answer { status: head.status, reusable: head.keep_alive && end == data.len(), body };
        self.current = None;
        self.content = 0;
        Ok(Some(answer))
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

    fn whole(text: &str) -> Result<Option<Answer>, BadAnswer> {
        Parser::new(false).feed(text.as_bytes())
    }

    fn answer(status: u16, reusable: bool, body: u64) -> Result<Option<Answer>, BadAnswer> {
        Ok(Some(Answer { status, reusable, body }))
    }

    #[test]
    fn framing_follows_the_standard() {
        assert_eq!(whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), answer(200, true, 2));
        assert_eq!(whole("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nhi"), answer(200, true, 2));
        assert_eq!(whole("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), answer(200, false, 0));
        assert_eq!(whole("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"), answer(200, false, 2));
        assert_eq!(
            whole("HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi"),
            answer(200, true, 2)
        );
        assert_eq!(whole("HTTP/1.1 204 No Content\r\n\r\n"), answer(204, true, 0));
        assert_eq!(whole("HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n"), answer(304, true, 0));
        assert_eq!(
            whole(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 9\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            ),
            answer(200, true, 3)
        );
        assert_eq!(
            Parser::new(true).feed(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
            answer(200, true, 0),
            "an answer to HEAD has no body"
        );
    }

    #[test]
    fn interim_answers_are_skipped() {
        assert_eq!(
            whole(
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: 0\r\n\r\n"
            ),
            answer(201, true, 0)
        );
        assert_eq!(whole("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), answer(101, false, 0));
    }

    #[test]
    fn bytes_after_the_end_spoil_the_connection_but_not_the_answer() {
        assert_eq!(whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200"), answer(200, false, 2));
        assert_eq!(whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX"), answer(200, false, 0));
    }

    #[test]
    fn an_answer_without_length_ends_with_the_connection() {
        let mut parser = Parser::new(false);
        assert_eq!(parser.feed(b"HTTP/1.1 200 OK\r\n\r\nsome"), Ok(None));
        assert_eq!(parser.feed(b" text"), Ok(None));
        assert_eq!(parser.close(), answer(200, false, 9));
        let mut cut = Parser::new(false);
        assert_eq!(cut.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome"), Ok(None));
        assert_eq!(cut.close(), Ok(None), "a cut answer is not complete");
    }

    #[test]
    fn garbage_is_refused() {
        for text in [
            "garbage\r\n\r\n",
            "HTTP/2.0 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ] {
            assert_eq!(whole(text), Err(BadAnswer), "{text:?}");
        }
    }

    #[test]
    fn giant_heads_are_read_up_to_a_bound() {
        let many: String = (0..500).map(|n| format!("X-{n}: {n}\r\n")).collect();
        assert_eq!(whole(&format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 0\r\n\r\n")), answer(200, true, 0));
        let long = "a".repeat(300_000);
        let text = format!("HTTP/1.1 200 OK\r\nX: {long}\r\nContent-Length: 0\r\n\r\n");
        let mut parser = Parser::new(false);
        let mut last = Ok(None);
        for piece in text.as_bytes().chunks(1000) {
            last = parser.feed(piece);
        }
        assert_eq!(last, answer(200, true, 0));
        let mut endless = Parser::new(false);
        endless.feed(b"HTTP/1.1 200 OK\r\nX: ").unwrap();
        let outcome = (0..2000).map(|_| endless.feed(&[b'a'; 1000])).find(Result::is_err);
        assert_eq!(outcome, Some(Err(BadAnswer)));
    }
}
