use proptest::prelude::*;

use super::*;

/// Feeds the bytes in pieces of every size from one byte to all of them, and checks that all agree.
fn read(method: &str, bytes: &[u8]) -> Result<(u16, u64, u64, bool, bool), Kind> {
    let run = |piece: usize| {
        let mut answer = Answer::to(method);
        let mut done = false;
        for part in bytes.chunks(piece) {
            done = answer.feed(part).map_err(|failure| failure.kind)?;
        }
        if !done {
            answer.end().map_err(|failure| failure.kind)?;
        }
        Ok((answer.status, answer.head_bytes, answer.body_bytes, answer.keep_alive, done))
    };
    let whole = run(bytes.len().max(1));
    for piece in 1..bytes.len() {
        assert_eq!(run(piece), whole, "in pieces of {piece}");
    }
    whole
}

#[test]
fn bodies_end_where_their_framing_says() {
    assert_eq!(read("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), Ok((200, 38, 3, true, true)));
    assert_eq!(read("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Ok((200, 38, 0, true, true)));
    assert_eq!(read("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), Ok((200, 38, 0, true, true)));
    assert_eq!(read("GET", b"HTTP/1.1 204 No Content\r\n\r\n"), Ok((204, 27, 0, true, true)));
    assert_eq!(read("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"), Ok((304, 48, 0, true, true)));
    assert_eq!(read("GET", b"HTTP/1.0 200 OK\r\n\r\nabc"), Ok((200, 19, 3, false, false)));
    assert_eq!(
        read("GET", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na"),
        Ok((200, 62, 1, true, true))
    );
    assert_eq!(
        read("GET", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na"),
        Ok((200, 57, 1, false, true))
    );
}

#[test]
fn chunks_and_trailers_are_taken_apart() {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let with = |body: &[u8]| read("GET", &[head.as_slice(), body].concat());
    assert_eq!(with(b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n"), Ok((200, 47, 13, true, true)));
    assert_eq!(with(b"1\na\n0\nTrailer: x\n\n"), Ok((200, 47, 1, true, true)));
    assert_eq!(with(b"3\r\nabcd\r\n"), Err(Kind::Protocol));
    assert_eq!(with(b"x\r\n"), Err(Kind::Protocol));
    assert_eq!(with(b"+3\r\nabc\r\n"), Err(Kind::Protocol));
    assert_eq!(with(b"ffffffffffffffffff\r\n"), Err(Kind::Protocol));
    assert_eq!(with(b"3\r\nab"), Err(Kind::Closed));
    assert_eq!(with(b""), Err(Kind::Closed));
}

#[test]
fn interim_answers_are_passed_over() {
    let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 Nope\r\nContent-Length: 2\r\n\r\nno";
    assert_eq!(read("GET", bytes), Ok((404, 40, 2, true, true)));
    assert_eq!(read("GET", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), Err(Kind::Protocol));
}

#[test]
fn what_is_not_an_answer_is_named() {
    assert_eq!(read("GET", b""), Err(Kind::Closed));
    assert_eq!(read("GET", b"HTTP/1.1 200 OK\r\nConte"), Err(Kind::Closed));
    assert_eq!(read("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"), Err(Kind::Closed));
    assert_eq!(read("GET", b"SSH-2.0-OpenSSH_9.2\r\n"), Err(Kind::Protocol));
    assert_eq!(read("GET", b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n"), Err(Kind::Protocol));
    let two = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd";
    assert_eq!(read("GET", two), Err(Kind::Protocol));
    let mut answer = Answer::to("GET");
    let failure = answer.feed(&[0x15, 0x03, 0x03, 0, 2, 2, 70]).unwrap_err();
    assert!(failure.message.contains("https://"), "{failure}");
}

#[test]
fn a_head_without_end_is_given_up() {
    let mut answer = Answer::to("GET");
    answer.feed(b"HTTP/1.1 200 OK\r\nX: ").unwrap();
    let mut fed = 0;
    while answer.feed(&[b'x'; 1024]).is_ok() {
        fed += 1;
        assert!(fed < 100, "100 KiB of head were taken without complaint");
    }
}

#[test]
fn bytes_after_the_answer_spoil_the_connection() {
    let mut answer = Answer::to("GET");
    assert!(answer.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc").unwrap());
    assert!(!answer.keep_alive);
    assert_eq!(answer.body_bytes, 1);
}

/// Pieces of answers, right and broken, in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"HTTP/1.1 200 OK\r\n".to_vec()),
        Just(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
        Just(b"Transfer-Encoding: chunked\r\n".to_vec()),
        Just(b"Content-Length: 5\r\n".to_vec()),
        Just(b"Connection: close\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"5\r\nabcde\r\n".to_vec()),
        Just(b"0\r\n\r\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// However an answer is split over reads, and whatever it is, the outcome is the same and there is one.
    #[test]
    fn splits_change_nothing(bytes in pieces(), method in prop_oneof![Just("GET"), Just("HEAD")]) {
        let _ = read(method, &bytes);
    }
}
