//! The class's key, with which reports are sealed.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use base16ct::lower::encode_string;

/// Random bytes of a key that we make: as many as an HMAC of SHA-256 has use for (RFC 2104, section 3).
const BYTES: usize = 32;

/// Shorter keys are tried out in an afternoon: whoever has one sealed report can try as many keys as the machine can hash.
const SHORTEST: usize = 16;

/// Bits under which a key is warned of. By length and alphabet alone, so that a sentence counts for more than it is worth.
const WANTED_BITS: f64 = 128.0;

/// A key, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The secret.
    pub secret: Vec<u8>,
    /// Why it is weak, where it is.
    pub weakness: Option<String>,
}

impl Key {
    /// Reads a key from a file; blanks around it do not count.
    ///
    /// # Errors
    /// When the file cannot be read, or is empty.
    pub fn read(path: &Path) -> Result<Key> {
        let text = std::fs::read(path).with_context(|| format!("cannot read the class key {}", path.display()))?;
        let secret = text.trim_ascii().to_vec();
        if secret.is_empty() {
            bail!("the class key {} is empty\n  `lab report-key new` makes one", path.display());
        }
        let weakness = weakness(&secret).map(|why| {
            format!("the class key {} {why}\n  `lab report-key new` makes one that nobody guesses", path.display())
        });
        Ok(Key { secret, weakness })
    }

    /// The secret, if it is fit to seal new reports with.
    ///
    /// # Errors
    /// When it can be guessed. Old reports can still be looked at with it.
    pub fn to_seal_with(self) -> Result<Vec<u8>> {
        match self.weakness {
            Some(why) if self.secret.len() < SHORTEST => bail!(why),
            _ => Ok(self.secret),
        }
    }
}

/// Makes a new key in a file that only its owner reads, and that must not be there yet.
///
/// # Errors
/// When there is such a file: reports that were sealed with it could no longer be verified.
pub fn make(path: &Path) -> Result<()> {
    let secret: [u8; BYTES] = rand::random();
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = match file {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => bail!(
            "{} is there already\n  reports that were sealed with it need it; name another file, or move it away",
            path.display()
        ),
        file => file.with_context(|| format!("cannot make {}", path.display()))?,
    };
    writeln!(file, "{}", encode_string(&secret)).with_context(|| format!("cannot write {}", path.display()))
}

fn weakness(secret: &[u8]) -> Option<String> {
    if secret.len() < SHORTEST {
        return Some(format!("has {} characters and can be guessed; {SHORTEST} are the least", secret.len()));
    }
    let mut kinds = [0.0; 4];
    for byte in secret {
        match byte {
            b'a'..=b'z' => kinds[0] = 26.0,
            b'A'..=b'Z' => kinds[1] = 26.0,
            b'0'..=b'9' => kinds[2] = 10.0,
            _ => kinds[3] = 32.0,
        }
    }
    let mut different = secret.to_vec();
    different.sort_unstable();
    different.dedup();
    // A key of few different characters is as good as one that is made of these alone.
    let alphabet = kinds.iter().sum::<f64>().min(2.0 * different.len() as f64);
    let bits = secret.len() as f64 * alphabet.log2();
    (bits < WANTED_BITS || different.len() < 8).then(|| "is not hard to guess".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_we_make_is_strong_and_its_owner_s_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("class.key");
        make(&path).unwrap();
        let key = Key::read(&path).unwrap();
        assert_eq!((key.secret.len(), &key.weakness), (2 * BYTES, &None));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(make(&path).unwrap_err().to_string().contains("is there already"));
        assert_eq!(Key::read(&path).unwrap(), key);
        let other = folder.path().join("other.key");
        make(&other).unwrap();
        assert_ne!(Key::read(&other).unwrap().secret, key.secret);
    }

    #[test]
    fn keys_that_can_be_guessed_are_told_and_the_shortest_seal_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("class.key");
        for (text, weak, seals) in [
            ("password", true, false),
            ("fifteen letters", true, false),
            ("sixteen letters!", true, true),
            ("0000000000000000000000000000000000000000", true, true),
            ("correct horse battery staple of ours", false, true),
        ] {
            std::fs::write(&path, format!("{text}\n")).unwrap();
            let key = Key::read(&path).unwrap();
            assert_eq!((key.weakness.is_some(), key.to_seal_with().is_ok()), (weak, seals), "{text}");
        }
        std::fs::write(&path, " \n").unwrap();
        assert!(Key::read(&path).unwrap_err().to_string().contains("is empty"));
    }
}
