//! The secret that a run's agents and their coordinator share.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Fewer characters than this can be guessed.
const SHORTEST: usize = 16;

/// The secret of a run. It never goes over the wire: both sides prove that they have it, and what is derived from it
/// signs every message.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// What is wrong with a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the token has {0} characters, and needs at least {SHORTEST}: `loadgen agent --new-token` makes one")]
pub struct BadToken(usize);

impl Token {
    /// Takes a token as it stands in a file, without the white space around it.
    ///
    /// # Errors
    /// When it is too short.
    pub fn new(text: &str) -> Result<Token, BadToken> {
        let text = text.trim();
        match text.chars().count() {
            count if count < SHORTEST => Err(BadToken(count)),
            _ => Ok(Token(text.to_owned())),
        }
    }

    /// A new one of 128 random bits.
    pub fn random() -> Token {
        Token(format!("{:032x}", rand::random::<u128>()))
    }

    /// The token as text, for the file or the secret that the agents read.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// A key that only those can make who have the token, for one purpose and one connection.
    pub(crate) fn key(&self, purpose: &str, nonces: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).expect("a key may have any length");
        mac.update(purpose.as_bytes());
        mac.update(nonces);
        Hmac::<Sha256>::new_from_slice(&mac.finalize().into_bytes()).expect("a key may have any length")
    }
}

/// Without the secret, so that it does not get into a log.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tokens_are_refused_and_no_token_is_shown() {
        assert_eq!(Token::new(" secret\n"), Err(BadToken(6)));
        let token = Token::new(" 0123456789abcdef\n").expect("long enough");
        assert_eq!(token.text(), "0123456789abcdef");
        assert!(!format!("{token:?}").contains("0123"));
        assert_ne!(Token::random(), Token::random());
    }
}
