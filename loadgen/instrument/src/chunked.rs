//! The chunked transfer coding (RFC 9112, section 7.1), read as it comes in and thrown away.

/// Longest chunk-size line and longest trailer that is read before the answer counts as broken.
const MAX_LINE: usize = 64 * 1024;

/// Where in a chunked body the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first digit of a chunk's size.
    SizeStart,
    /// Within a chunk's size.
    Size,
    /// In a chunk's extension, up to the end of the line.
    Extension,
    /// After the carriage return of a chunk's size line.
    SizeLf,
    /// Within a chunk's data.
    Data,
    /// After a chunk's data.
    DataCr,
    /// After the carriage return that follows a chunk's data.
    DataLf,
    /// At the start of a line of the trailer.
    TrailerStart,
    /// Within a line of the trailer.
    Trailer,
    /// After the carriage return of the line that ends the body.
    EndLf,
}

/// A chunked body that is being read.
#[derive(Debug, Clone)]
pub struct Chunked {
    state: State,
    remaining: u64,
    line: usize,
    body: u64,
}

/// The body breaks the rules of the coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadChunk;

impl Chunked {
    /// A body of which nothing was read yet.
    pub fn new() -> Self {
        Chunked { state: State::SizeStart, remaining: 0, line: 0, body: 0 }
    }

    /// Bytes of content so far.
    pub fn body(&self) -> u64 {
        self.body
    }

    /// Reads on. Gives the number of bytes that belong to the body when its end is among them.
    pub fn feed(&mut self, data: &[u8]) -> Result<Option<usize>, BadChunk> {
        let mut at = 0;
        while at < data.len() {
            if self.state == State::Data {
                let take = self.remaining.min((data.len() - at) as u64);
                self.remaining -= take;
                self.body += take;
                at += take as usize;
                if self.remaining == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            let byte = data[at];
            at += 1;
            self.line += 1;
            if self.line > MAX_LINE {
                return Err(BadChunk);
            }
            self.state = match (self.state, byte) {
                (State::SizeStart | State::Size, digit) if digit.is_ascii_hexdigit() => {
                    if self.remaining >> 60 != 0 {
                        return Err(BadChunk);
                    }
                    let value = (digit as char).to_digit(16).unwrap_or_default();
                    self.remaining = self.remaining << 4 | u64::from(value);
                    State::Size
                }
                (State::Size, b'\r') => State::SizeLf,
                (State::Size, b';' | b' ' | b'\t') => State::Extension,
                (State::Extension, b'\r') => State::SizeLf,
                (State::Size | State::Extension | State::SizeLf, b'\n') => {
                    self.line = 0;
                    if self.remaining == 0 { State::TrailerStart } else { State::Data }
                }
                (State::Extension, _) => State::Extension,
                (State::DataCr, b'\r') => State::DataLf,
                (State::DataCr | State::DataLf, b'\n') => {
                    self.line = 0;
                    State::SizeStart
                }
                (State::TrailerStart, b'\r') => State::EndLf,
                (State::TrailerStart | State::EndLf, b'\n') => return Ok(Some(at)),
                (State::Trailer, b'\n') => State::TrailerStart,
                (State::TrailerStart | State::Trailer, _) => State::Trailer,
                _ => return Err(BadChunk),
            };
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_extensions_and_trailers_are_read_to_their_end() {
        for (text, body) in [
            ("0\r\n\r\n", 0),
            ("5\r\nhello\r\n0\r\n\r\n", 5),
            ("A;name=\"v\"\r\n0123456789\r\n0\r\nX: y\r\nZ: w\r\n\r\n", 10),
            ("3\nabc\n0\n\n", 3),
        ] {
            let mut whole = Chunked::new();
            let mut bytes = text.as_bytes().to_vec();
            bytes.extend_from_slice(b"HTTP");
            assert_eq!(whole.feed(&bytes), Ok(Some(text.len())), "{text:?}");
            assert_eq!(whole.body(), body);
            let mut slow = Chunked::new();
            for (index, byte) in text.bytes().enumerate() {
                let expected = if index + 1 == text.len() { Some(1) } else { None };
                assert_eq!(slow.feed(&[byte]), Ok(expected), "{text:?} at {index}");
            }
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for text in ["\r\n", "x\r\n", "3\r\nabcd\r\n", "11111111111111111\r\n", "-1\r\n", "5 5\rx"] {
            assert_eq!(Chunked::new().feed(text.as_bytes()), Err(BadChunk), "{text:?}");
        }
        let endless = [b'a'; MAX_LINE + 2];
        let mut extension = Chunked::new();
        extension.feed(b"1;").unwrap();
        assert_eq!(extension.feed(&endless), Err(BadChunk));
    }
}
