//! What a command says on standard output, and what becomes of it where nobody takes it.
//!
//! `println!` ends the program with a panic where standard output is full or closed, so nothing here uses it.

use std::fmt;
use std::io::{self, ErrorKind, Write};

/// Standard output takes no more.
#[derive(Debug)]
pub struct Unprinted(io::Error);

impl fmt::Display for Unprinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "standard output cannot be written: {}", self.0)
    }
}

impl std::error::Error for Unprinted {}

/// Prints a text as it is, with its colours where it goes to a terminal. Whoever has read enough, as `head` has, is no
/// failure: the exit code is then still that of what was found, on which a CI job may depend.
///
/// # Errors
/// Standard output cannot be written: its disk is full, or it was never open.
pub fn print(text: impl fmt::Display) -> Result<(), Unprinted> {
    bytes_to(&mut anstream::stdout(), text.to_string().as_bytes())
}

/// Prints a text and a line feed.
///
/// # Errors
/// As for [`print()`].
pub fn line(text: impl fmt::Display) -> Result<(), Unprinted> {
    print(format_args!("{text}\n"))
}

/// Prints what is for a program or a file, byte by byte.
///
/// # Errors
/// As for [`print()`].
pub fn bytes(bytes: &[u8]) -> Result<(), Unprinted> {
    bytes_to(&mut io::stdout(), bytes)
}

/// Prints a value as JSON.
///
/// # Errors
/// As for [`print()`], or the value has no JSON.
pub fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(bytes(&text)?)
}

fn bytes_to(out: &mut impl Write, bytes: &[u8]) -> Result<(), Unprinted> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Unprinted(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Refuses(ErrorKind);

    impl Write for Refuses {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_enough_is_no_failure_and_a_full_disk_is() {
        assert!(bytes_to(&mut Refuses(ErrorKind::BrokenPipe), b"text").is_ok());
        let full = bytes_to(&mut Refuses(ErrorKind::StorageFull), b"text").expect_err("full");
        assert!(full.to_string().starts_with("standard output cannot be written"), "{full}");
    }
}
