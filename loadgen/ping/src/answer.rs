//! Reading an answer, however it is split over reads. The body is counted, not kept.

use crate::failure::{Failure, Kind};

/// The most that the head of an answer, or one line of chunk framing, may take.
const HEAD_LIMIT: usize = 64 * 1024;
const LINE_LIMIT: usize = 8 * 1024;
const HEADERS_LIMIT: usize = 256;

/// What was read so far, and what comes next.
#[derive(Debug)]
pub struct Answer {
    /// The status code, zero until the head is there.
    pub status: u16,
    /// The words beside it.
    pub reason: String,
    /// Bytes of the final head.
    pub head_bytes: u64,
    /// Bytes of the body, without chunk framing.
    pub body_bytes: u64,
    /// Whether the server will take another request on this connection.
    pub keep_alive: bool,
    to_head: bool,
    state: State,
    pending: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Head,
    Sized(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailer,
    UntilClose,
    Done,
}

impl Answer {
    /// An answer of which nothing came yet, to a request with this method.
    pub fn to(method: &str) -> Self {
        Self {
            status: 0,
            reason: String::new(),
            head_bytes: 0,
            body_bytes: 0,
            keep_alive: false,
            to_head: method == "HEAD",
            state: State::Head,
            pending: Vec::new(),
        }
    }

    /// Takes bytes from the connection; true when the answer is complete.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<bool, Failure> {
        while !bytes.is_empty() {
            bytes = match &mut self.state {
                State::Done => {
                    // Something follows the answer: the connection is out of step and must not be used again.
                    self.keep_alive = false;
                    return Ok(true);
                }
                State::Head => self.head(bytes)?,
                State::UntilClose => {
                    self.body_bytes += bytes.len() as u64;
                    &[]
                }
                State::Sized(left) | State::ChunkData(left) => {
                    let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= taken as u64;
                    self.body_bytes += taken as u64;
                    if *left == 0 {
                        self.state = if matches!(self.state, State::Sized(_)) { State::Done } else { State::ChunkEnd };
                    }
                    &bytes[taken..]
                }
                State::ChunkSize | State::ChunkEnd | State::Trailer => self.line(bytes)?,
            };
        }
        Ok(self.state == State::Done)
    }

    /// The connection has ended; says whether that is how the answer was meant to end.
    pub fn end(&self) -> Result<(), Failure> {
        let what = match self.state {
            State::Done | State::UntilClose => return Ok(()),
            State::Head if self.pending.is_empty() => "the server closed the connection without an answer".to_owned(),
            State::Head => "the server closed the connection in the middle of the answer's head".to_owned(),
            _ => format!("the server closed the connection in the middle of the body, after {} bytes", self.body_bytes),
        };
        Err(Failure::new(Kind::Closed, what))
    }

    fn head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Failure> {
        let before = self.pending.len();
        self.pending.extend_from_slice(bytes);
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_LIMIT];
        let mut head = httparse::Response::new(&mut headers);
        let length = match head.parse(&self.pending) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if self.pending.len() <= HEAD_LIMIT => return Ok(&[]),
            Ok(httparse::Status::Partial) => {
                return Err(Failure::new(Kind::Protocol, format!("the answer's head is over {HEAD_LIMIT} bytes")));
            }
            Err(error) => return Err(not_http(&self.pending, error)),
        };
        self.status = head.code.unwrap_or(0);
        self.reason = head.reason.unwrap_or("").to_owned();
        self.head_bytes = length as u64;
        let (framing, keep_alive) = framing(&head, self.to_head)?;
        self.state = framing;
        self.keep_alive = keep_alive;
        self.pending.clear();
        Ok(&bytes[length - before..])
    }

    /// Takes the rest of one line of chunk framing.
    fn line<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Failure> {
        let broken = |what: &str| Failure::new(Kind::Protocol, format!("the chunked body is broken: {what}"));
        let Some(end) = bytes.iter().position(|&b| b == b'\n') else {
            self.pending.extend_from_slice(bytes);
            if self.pending.len() > LINE_LIMIT {
                return Err(broken("a line of its framing has no end"));
            }
            return Ok(&[]);
        };
        self.pending.extend_from_slice(&bytes[..end]);
        let line = self.pending.strip_suffix(b"\r").unwrap_or(&self.pending);
        self.state = match self.state {
            State::ChunkEnd if line.is_empty() => State::ChunkSize,
            State::ChunkEnd => return Err(broken("a chunk is longer than its size says")),
            State::Trailer if line.is_empty() => State::Done,
            State::Trailer => State::Trailer,
            _ => match chunk_size(line) {
                Some(0) => State::Trailer,
                Some(size) => State::ChunkData(size),
                None => return Err(broken("a chunk's size is not a hexadecimal number")),
            },
        };
        self.pending.clear();
        Ok(&bytes[end + 1..])
    }
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|&b| b == b';').next()?.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// How the body is delimited (RFC 9112, section 6.3), and whether the connection stays open (section 9.3).
fn framing(head: &httparse::Response<'_, '_>, to_head: bool) -> Result<(State, bool), Failure> {
    let bad = |what: &str| Failure::new(Kind::Protocol, what);
    let status = head.code.unwrap_or(0);
    let (mut length, mut chunked, mut coded) = (None, false, false);
    let (mut close, mut keep) = (false, false);
    for header in head.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or("").trim();
        if header.name.eq_ignore_ascii_case("content-length") {
            let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
            let number = digits.then(|| value.parse::<u64>().ok()).flatten();
            let number = number.ok_or_else(|| bad("the answer's Content-Length is not a number"))?;
            if length.is_some_and(|before| before != number) {
                return Err(bad("the answer has two different Content-Lengths"));
            }
            length = Some(number);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            coded = true;
            chunked = value.rsplit(',').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("chunked"));
        } else if header.name.eq_ignore_ascii_case("connection") {
            close |= value.split(',').any(|word| word.trim().eq_ignore_ascii_case("close"));
            keep |= value.split(',').any(|word| word.trim().eq_ignore_ascii_case("keep-alive"));
        }
    }
    if status == 101 {
        return Err(bad("the server switched to another protocol, which was not asked for"));
    }
    if (100..200).contains(&status) {
        // An interim answer; the final one follows.
        return Ok((State::Head, false));
    }
    let persistent = !close && (keep || head.version == Some(1));
    let none = to_head || status == 204 || status == 304;
    Ok(match (none, coded, length) {
        (true, ..) => (State::Done, persistent),
        (false, true, _) if chunked => (State::ChunkSize, persistent),
        (false, true, _) => (State::UntilClose, false),
        (false, false, Some(0)) => (State::Done, persistent),
        (false, false, Some(length)) => (State::Sized(length), persistent),
        (false, false, None) => (State::UntilClose, false),
    })
}

fn not_http(bytes: &[u8], error: httparse::Error) -> Failure {
    let what = if bytes.starts_with(&[0x15, 0x03]) {
        "the server speaks TLS; write https:// in the URL".to_owned()
    } else if error == httparse::Error::TooManyHeaders {
        format!("the answer has more than {HEADERS_LIMIT} headers")
    } else {
        let start: String = bytes.iter().take(24).flat_map(|b| b.escape_ascii()).map(char::from).collect();
        format!("the answer is not HTTP/1 ({error}); it begins with \"{start}\"")
    };
    Failure::new(Kind::Protocol, what)
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
