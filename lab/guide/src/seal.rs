//! Seals on reports: a change after the writing shows.
//!
//! Without a key the seal is a plain SHA-256: it shows damage, and whoever edits the file can make a new one. With the
//! class's key it is an HMAC (RFC 2104), which nobody makes without the key. Whoever can read the key can: on a machine
//! where the student is root, the seal shows that the file came from a program that had the key, not who did the work.

use base16ct::lower::encode_string;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// `sha256`, or `hmac-sha256` where the class has a key.
    pub kind: String,
    /// Hexadecimal digits.
    pub value: String,
}

/// What a look at a seal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Sealed with the class's key, and unchanged since.
    Genuine,
    /// Unchanged, for whoever trusts a seal that anybody can make.
    Undamaged,
    /// Sealed with a key, and there is none to compare with.
    NoKey,
    /// Undamaged, but the class has a key and this was written without it: anybody could have.
    Unkeyed,
    /// Changed after the writing, or sealed with another key.
    Broken,
}

impl Verdict {
    /// Whether the report can be believed as far as a seal goes.
    pub fn sound(self) -> bool {
        !matches!(self, Verdict::Broken | Verdict::Unkeyed)
    }

    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Genuine => "sealed by the class key",
            Verdict::Undamaged => "undamaged, no key",
            Verdict::NoKey => "sealed, key needed",
            Verdict::Unkeyed => "written WITHOUT the class key",
            Verdict::Broken => "CHANGED after the writing",
        }
    }
}

/// What a seal is over: the JSON as it stands in the file, without the blanks between its words.
///
/// Nothing is read and written again on the way, so a field that this program does not know, or one that it knows and the
/// file lacks, changes nothing, and neither do line breaks that another program puts in.
pub fn sealed_bytes(json: &str) -> String {
    let mut bytes = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for letter in json.chars() {
        if in_string {
            in_string = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
        } else if letter.is_ascii_whitespace() {
            continue;
        } else {
            in_string = letter == '"';
        }
        bytes.push(letter);
    }
    bytes
}

/// Seals a text.
pub fn seal(text: &str, key: Option<&[u8]>) -> Seal {
    match key {
        Some(key) => {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
            mac.update(text.as_bytes());
            Seal { kind: "hmac-sha256".to_owned(), value: encode_string(&mac.finalize().into_bytes()) }
        }
        None => Seal { kind: "sha256".to_owned(), value: encode_string(&Sha256::digest(text.as_bytes())) },
    }
}

/// Compares a text with its seal.
pub fn verify(text: &str, given: &Seal, key: Option<&[u8]>) -> Verdict {
    let same = |key| seal(text, key) == *given;
    match (given.kind.as_str(), key) {
        ("hmac-sha256", Some(key)) if same(Some(key)) => Verdict::Genuine,
        ("hmac-sha256", None) => Verdict::NoKey,
        ("sha256", None) if same(None) => Verdict::Undamaged,
        ("sha256", Some(_)) if same(None) => Verdict::Unkeyed,
        _ => Verdict::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4231_come_out() {
        let text = "what do ya want for nothing?";
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(seal(text, Some(b"Jefe")).value, expected);
        let long = [0xaa; 131];
        let text = "Test Using Larger Than Block-Size Key - Hash Key First";
        let expected = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        assert_eq!(seal(text, Some(&long)).value, expected);
    }

    #[test]
    fn only_blanks_between_words_do_not_count() {
        let compact = r#"{"a b":[1.50,"x \" y\\"],"c":{}}"#;
        let broken = "{\n  \"a b\": [\n\t1.50, \"x \\\" y\\\\\" ],\r\n \"c\" : { } }";
        assert_eq!(sealed_bytes(broken), compact);
        assert_eq!(sealed_bytes(compact), compact);
        assert_ne!(sealed_bytes(r#"{"a":"x  y"}"#), sealed_bytes(r#"{"a":"x y"}"#));
    }

    #[test]
    fn a_changed_text_or_another_key_shows() {
        let with = seal("12 steps", Some(b"the class key"));
        assert_eq!(verify("12 steps", &with, Some(b"the class key")), Verdict::Genuine);
        assert_eq!(verify("13 steps", &with, Some(b"the class key")), Verdict::Broken);
        assert_eq!(verify("12 steps", &with, Some(b"another key")), Verdict::Broken);
        assert_eq!(verify("12 steps", &with, None), Verdict::NoKey);
        let without = seal("12 steps", None);
        assert_eq!(verify("12 steps", &without, None), Verdict::Undamaged);
        assert_eq!(verify("13 steps", &without, None), Verdict::Broken);
        assert_eq!(verify("12 steps", &without, Some(b"the class key")), Verdict::Unkeyed);
        assert_eq!(verify("13 steps", &without, Some(b"the class key")), Verdict::Broken);
    }
}
