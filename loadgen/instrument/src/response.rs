//! Answers, read as they come in. The body is counted and thrown away.

use crate::head::{Body, Head};

pub use crate::head::{BadAnswer, Heads};

/// Longest head of an answer that is read before the answer counts as broken.
pub const MAX_HEAD: usize = 1024 * 1024;

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

/// Reads one answer after another from one connection.
#[derive(Debug, Default)]
pub struct Parser {
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
    pub fn feed(&mut self, data: &[u8], heads: &mut Heads) -> Result<Option<Answer>, BadAnswer> {
        if self.current.is_some() {
            return self.feed_body(data);
        }
        if !self.partial.is_empty() {
            return self.feed_partial(data, heads);
        }
        match heads.parse(data)? {
            Some(head) => self.begin_body(head, data, heads),
            None => {
                self.keep(data)?;
                Ok(None)
            }
        }
    }

    /// The connection was closed. Gives the answer where the close is what ends it.
    pub fn close(&mut self, heads: &mut Heads) -> Result<Option<Answer>, BadAnswer> {
        if !self.partial.is_empty() {
            // A head that never became complete may be no HTTP at all, which is worth telling apart.
            heads.parse(&self.partial)?;
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
    fn feed_partial(&mut self, data: &[u8], heads: &mut Heads) -> Result<Option<Answer>, BadAnswer> {
        let seen = self.partial.len().saturating_sub(2);
        self.partial.extend_from_slice(data);
        let fresh = &self.partial[seen..];
        let ends = fresh.windows(2).any(|pair| pair == b"\n\n") || fresh.windows(3).any(|three| three == b"\n\r\n");
        if !ends && self.partial.len() < self.tried.saturating_mul(2) {
            return if self.partial.len() > MAX_HEAD { Err(BadAnswer) } else { Ok(None) };
        }
        self.tried = self.partial.len();
        match heads.parse(&self.partial)? {
            Some(head) => {
                let bytes = std::mem::take(&mut self.partial);
                self.tried = 0;
                self.begin_body(head, &bytes, heads)
            }
            None if self.partial.len() > MAX_HEAD => Err(BadAnswer),
            None => Ok(None),
        }
    }

    fn begin_body(&mut self, head: Head, data: &[u8], heads: &mut Heads) -> Result<Option<Answer>, BadAnswer> {
        let rest = &data[head.length..];
        if (100..200).contains(&head.status) && head.status != 101 {
            return if rest.is_empty() { Ok(None) } else { self.feed(rest, heads) };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Result<Option<Answer>, BadAnswer> {
        Parser::default().feed(text.as_bytes(), &mut Heads::new(false))
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
            Parser::default().feed(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", &mut Heads::new(true)),
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
        let (mut parser, mut heads) = (Parser::default(), Heads::new(false));
        assert_eq!(parser.feed(b"HTTP/1.1 200 OK\r\n\r\nsome", &mut heads), Ok(None));
        assert_eq!(parser.feed(b" text", &mut heads), Ok(None));
        assert_eq!(parser.close(&mut heads), answer(200, false, 9));
        let (mut cut, mut heads) = (Parser::default(), Heads::new(false));
        assert_eq!(cut.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome", &mut heads), Ok(None));
        assert_eq!(cut.close(&mut heads), Ok(None), "a cut answer is not complete");
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
        let (mut parser, mut heads) = (Parser::default(), Heads::new(false));
        let mut last = Ok(None);
        for piece in text.as_bytes().chunks(1000) {
            last = parser.feed(piece, &mut heads);
        }
        assert_eq!(last, answer(200, true, 0));
        let (mut endless, mut heads) = (Parser::default(), Heads::new(false));
        endless.feed(b"HTTP/1.1 200 OK\r\nX: ", &mut heads).unwrap();
        let outcome = (0..2000).map(|_| endless.feed(&[b'a'; 1000], &mut heads)).find(Result::is_err);
        assert_eq!(outcome, Some(Err(BadAnswer)));
    }
}
