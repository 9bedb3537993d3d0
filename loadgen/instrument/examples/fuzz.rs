//! Fuzzes the parser of answers by mutation, with no tool but the compiler:
//!
//! ```text
//! cargo run --release -p instrument --example fuzz -- [seconds] [seed]
//! ```
//!
//! Each case takes one or two answers of the corpus (`loadgen/instrument/fuzz/corpus`), damages them, and feeds the
//! result whole, cut at random places, and byte by byte. The three must agree, and none may panic; a disagreement is
//! printed with the bytes and ends the program with code 1. The seed and the number of the case give the case again.
//! It knows nothing of the code's branches, as a coverage-guided fuzzer would; the corpus makes up for some of that.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use instrument::response::{Answer, Heads, Parser};

/// Pieces that mean something in an answer, for mutations to put in.
const WORDS: [&[u8]; 16] = [
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 ",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"Content-Length: ",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff",
    b"18446744073709551615",
    b": ",
    b";",
    b"\0",
    b"\xff",
];

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

fn outcome<'a>(pieces: impl Iterator<Item = &'a [u8]>, heads: &mut Heads) -> Result<Option<Answer>, ()> {
    let mut parser = Parser::default();
    let mut found: Option<Answer> = None;
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        match &mut found {
            Some(answer) => answer.reusable = false,
            None => found = parser.feed(piece, heads).map_err(|_| ())?,
        }
    }
    if found.is_some() { Ok(found) } else { parser.close(heads).map_err(|_| ()) }
}

fn mutate(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    match random.below(8) {
        0 if !bytes.is_empty() => {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        1 if !bytes.is_empty() => {
            let at = random.below(bytes.len());
            bytes[at] = random.next() as u8;
        }
        2 => {
            let end = (at + random.below(16)).min(bytes.len());
            bytes.drain(at..end);
        }
        3 => {
            let end = (at + random.below(64)).min(bytes.len());
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        4 => bytes.truncate(at),
        5 => bytes.extend_from_slice(&corpus[random.below(corpus.len())]),
        6 => {
            let digits = random.next().to_string();
            bytes.splice(at..at, digits.into_bytes());
        }
        _ => {
            let word = WORDS[random.below(WORDS.len())];
            bytes.splice(at..at, word.iter().copied());
        }
    }
    bytes.truncate(4096);
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let length = Duration::from_secs(arguments.next().unwrap_or(10));
    let seed = arguments.next().unwrap_or(1);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().filter_map(|file| std::fs::read(file).ok()).collect();
    if corpus.is_empty() {
        eprintln!("no corpus in {folder}");
        return ExitCode::FAILURE;
    }
    let mut random = Random(seed.max(1));
    let begun = Instant::now();
    // Whoever remembers the heads of thousands of other answers must see what one without a memory sees.
    let mut used = [Heads::new(false), Heads::new(true)];
    let (mut cases, mut answers, mut refused) = (0_u64, 0_u64, 0_u64);
    while !cases.is_multiple_of(1000) || begun.elapsed() < length {
        let mut bytes = corpus[random.below(corpus.len())].clone();
        for _ in 0..1 + random.below(8) {
            mutate(&mut bytes, &corpus, &mut random);
        }
        let head_only = random.below(8) == 0;
        let used = &mut used[usize::from(head_only)];
        let whole = outcome([bytes.as_slice()].into_iter(), &mut Heads::new(head_only));
        let again = outcome([bytes.as_slice()].into_iter(), used);
        let single = outcome(bytes.chunks(1), used);
        let mut cuts: Vec<usize> = (0..random.below(6)).map(|_| random.below(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let cut = outcome(cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]), used);
        if [again, single, cut].iter().any(|other| *other != whole) {
            println!(
                "case {cases} of seed {seed}: whole {whole:?}, again {again:?}, byte by byte {single:?}, cut {cut:?}"
            );
            println!("cuts {cuts:?}\n{}", bytes.escape_ascii());
            return ExitCode::FAILURE;
        }
        cases += 1;
        answers += u64::from(matches!(whole, Ok(Some(_))));
        refused += u64::from(whole.is_err());
    }
    println!(
        "{cases} cases of seed {seed} in {:.0} s: {answers} whole answers, {refused} refused, {} cut short; no disagreement",
        begun.elapsed().as_secs_f64(),
        cases - answers - refused,
    );
    ExitCode::SUCCESS
}
