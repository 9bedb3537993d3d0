//! However an answer is cut into pieces, the outcome is the same.

use instrument::response::{Answer, Heads, Parser};
use proptest::prelude::*;

/// What became of a stream of bytes that ends with the connection.
fn outcome(pieces: &[&[u8]], heads: &mut Heads) -> Result<Option<Answer>, ()> {
    let mut parser = Parser::default();
    for (index, piece) in pieces.iter().enumerate() {
        if let Some(mut answer) = parser.feed(piece, heads).map_err(|_| ())? {
            // Whatever comes after the end spoils the connection, whether it comes at once or later.
            answer.reusable &= pieces[index + 1..].iter().all(|piece| piece.is_empty());
            return Ok(Some(answer));
        }
    }
    parser.close(heads).map_err(|_| ())
}

fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    at.sort_unstable();
    at.dedup();
    let mut pieces = Vec::new();
    let mut from = 0;
    for to in at.into_iter().chain([bytes.len()]) {
        if to > from {
            pieces.push(&bytes[from..to]);
        }
        from = to;
    }
    pieces
}

fn header() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("Connection: close\r\n".to_owned()),
        Just("Connection: keep-alive\r\n".to_owned()),
        Just("Transfer-Encoding: chunked\r\n".to_owned()),
        Just("Transfer-Encoding: gzip\r\n".to_owned()),
        (0..40_u32).prop_map(|length| format!("Content-Length: {length}\r\n")),
        "[A-Za-z-]{1,20}: [ -~]{0,60}\r\n",
        "[ -~]{0,20}\r\n",
    ]
}

/// Bytes that look like answers more or less.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let status = prop_oneof![Just(200_u16), Just(204), Just(304), Just(100), Just(101), Just(404), 0..1000_u16];
    let line = (0..3_u8, status).prop_map(|(minor, status)| format!("HTTP/1.{minor} {status:03} Reason\r\n"));
    let head = (line, prop::collection::vec(header(), 0..6)).prop_map(|(line, headers)| line + &headers.concat());
    let body = prop_oneof![
        Just(String::new()),
        "[a-z]{0,60}",
        Just("5\r\nhello\r\n0\r\n\r\n".to_owned()),
        Just("5;x=y\r\nhello\r\n0\r\nT: v\r\n\r\nrest".to_owned()),
        "[0-9a-f]{1,3}\r\n[a-z]{0,20}",
    ];
    (prop::collection::vec((head, body), 1..4), prop::collection::vec(any::<(u16, u8)>(), 0..3)).prop_map(
        |(parts, flips)| {
            let mut bytes: Vec<u8> =
                parts.iter().flat_map(|(head, body)| format!("{head}\r\n{body}").into_bytes()).collect();
            for (at, value) in flips {
                let at = usize::from(at) % bytes.len();
                // Most streams stay as they are; some are damaged.
                if at.is_multiple_of(3) {
                    bytes[at] = value;
                }
            }
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn cuts_do_not_matter(bytes in stream(), cuts in prop::collection::vec(any::<usize>(), 0..12), head_only: bool) {
        let mut heads = Heads::new(head_only);
        let whole = outcome(&[&bytes], &mut heads);
        // The heads are remembered from here on, which must not matter either.
        prop_assert_eq!(outcome(&[&bytes], &mut heads), whole);
        prop_assert_eq!(outcome(&cut(&bytes, &cuts), &mut heads), whole);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(outcome(&single, &mut heads), whole);
        let other: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\nConnection: close\r\n\r\n1234567";
        prop_assert!(outcome(&[other], &mut heads).is_ok());
        prop_assert_eq!(outcome(&[&bytes], &mut heads), whole);
    }

    #[test]
    fn no_bytes_upset_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..300), cuts in prop::collection::vec(any::<usize>(), 0..6)) {
        let whole = outcome(&[&bytes], &mut Heads::new(false));
        prop_assert_eq!(outcome(&cut(&bytes, &cuts), &mut Heads::new(false)), whole);
    }
}
