//! Who may ask, and the key that names are made with. Both come from files, which in a Swarm are secrets.

use std::fmt;
use std::path::Path;

use base16ct::lower::encode_string;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// The shortest token and the shortest key, in bytes: 16 random letters cannot be guessed by asking.
const SHORTEST: usize = 16;

/// The longest name of a user. It becomes a label.
const LONGEST_NAME: usize = 32;

/// All users, by the digests of their tokens: what is not kept cannot be shown by mistake.
pub struct Users(Vec<(String, [u8; 32])>);

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Users {
    /// Reads a file with a line `name token` for each user.
    ///
    /// # Errors
    /// A line that names the file, and the line's number, but never what stands in it.
    pub fn read(file: &Path) -> Result<Self, String> {
        Self::parse(&text(file)?).map_err(|reason| format!("{}: {reason}", file.display()))
    }

    /// Reads such lines.
    ///
    /// # Errors
    /// The number of the line that is wrong, and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut users: Vec<(String, [u8; 32])> = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |reason: &str| format!("line {}: {reason}", number + 1);
            let (name, token) = line.trim().split_once(' ').ok_or_else(|| wrong("write `name token`"))?;
            if !is_user(name) {
                return Err(wrong("a name has 1 to 32 of a-z, 0-9 and -, and begins with a letter"));
            }
            let token = token.trim();
            if token.len() < SHORTEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(wrong("a token has 16 characters at least, and no blanks"));
            }
            let token = digest(token);
            if users.iter().any(|(other, known)| other == name || *known == token) {
                return Err(wrong("this name or this token was there before"));
            }
            users.push((name.to_owned(), token));
        }
        if users.is_empty() { Err("there is no user: write lines `name token`".to_owned()) } else { Ok(Self(users)) }
    }

    /// Whose token this is. It takes as long for a wrong one as for a right one.
    pub fn whose(&self, token: &str) -> Option<&str> {
        let token = digest(token);
        let same = |known: &[u8; 32]| known.iter().zip(&token).fold(0, |all, (a, b)| all | (a ^ b)) == 0;
        self.0.iter().fold(None, |found, (name, known)| if same(known) { Some(name.as_str()) } else { found })
    }
}

/// Whether a user can be called so.
pub fn is_user(name: &str) -> bool {
    let mut letters = name.bytes();
    letters.next().is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && name.len() <= LONGEST_NAME
}

/// The key that names of environments are made with. An environment's address is in its name, so nobody may be able to guess it.
pub struct Keys(Vec<u8>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// Reads a file with a key.
    ///
    /// # Errors
    /// A line that names the file.
    pub fn read(file: &Path) -> Result<Self, String> {
        Self::new(text(file)?.trim()).map_err(|reason| format!("{}: {reason}", file.display()))
    }

    /// A key.
    ///
    /// # Errors
    /// When it is too short.
    pub fn new(key: &str) -> Result<Self, String> {
        let long = key.len() >= SHORTEST;
        long.then(|| Self(key.into())).ok_or_else(|| "a key has 16 characters at least".to_owned())
    }

    /// The name of the environment that a user asked for by a key.
    pub fn name(&self, user: &str, key: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length will do");
        mac.update(user.as_bytes());
        // No user's name has a zero, so no other pair gives the same bytes.
        mac.update(&[0]);
        mac.update(key.as_bytes());
        format!("env-{}", &encode_string(&mac.finalize().into_bytes())[..32])
    }
}

/// The digest of a text, in hexadecimal digits.
pub fn fingerprint(text: &str) -> String {
    encode_string(&digest(text))
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn text(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_one_user_and_a_wrong_line_is_named_without_its_token() {
        let users = Users::parse("ada 0123456789abcdef\n\nbob fedcba9876543210\n").unwrap();
        assert_eq!(users.whose("0123456789abcdef"), Some("ada"));
        assert_eq!(users.whose("fedcba9876543210"), Some("bob"));
        for token in ["", "0123456789abcde", "0123456789abcdef0", "ada"] {
            assert_eq!(users.whose(token), None, "{token}");
        }
        assert_eq!(format!("{users:?}"), r#"{"ada", "bob"}"#);
        for (text, reason) in [
            ("", "no user"),
            ("ada", "line 1: write"),
            ("ada 0123456789abcdef\nEve 0123456789abcdeF", "line 2: a name has"),
            ("ada secretsecret", "line 1: a token has 16"),
            ("ada 0123456789abcdef\nbob 0123456789abcdef", "line 2: this name or this token"),
        ] {
            let error = Users::parse(text).unwrap_err();
            assert!(error.contains(reason) && !error.contains("secretsecret") && !error.contains("0123"), "{error}");
        }
    }

    #[test]
    fn a_name_is_of_one_user_one_request_and_one_secret() {
        let (keys, others) = (Keys::new("0123456789abcdef").unwrap(), Keys::new("fedcba9876543210").unwrap());
        let name = keys.name("ada", "1");
        assert_eq!(name, keys.name("ada", "1"));
        for other in [keys.name("bob", "1"), keys.name("ada", "2"), keys.name("ad", "a1"), others.name("ada", "1")] {
            assert_ne!(name, other);
        }
        assert!(crate::is_name(&name), "{name}");
        assert!(Keys::new("short").is_err());
    }
}
