//! Memory that is eaten on demand, for finding a limit.

use std::sync::{Mutex, PoisonError};

/// What was eaten so far. It is never given back.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Vec<Vec<u8>>>);

impl Memory {
    /// Eats so many bytes more; returns how many there are then.
    ///
    /// # Errors
    /// How many there are, where it would be more than `most`: a machine without a limit is not to be filled.
    pub fn eat(&self, bytes: usize, most: usize) -> Result<usize, usize> {
        let mut eaten = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = eaten.iter().map(Vec::len).sum::<usize>();
        let after = before.checked_add(bytes).filter(|&after| after <= most).ok_or(before)?;
        // Zeros would cost nothing: the kernel has one page of them for everybody.
        eaten.push(vec![1; bytes]);
        Ok(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_up_to_its_most() {
        let memory = Memory::default();
        assert_eq!(memory.eat(60, 100), Ok(60));
        assert_eq!(memory.eat(41, 100), Err(60));
        assert_eq!(memory.eat(usize::MAX, 100), Err(60));
        assert_eq!(memory.eat(40, 100), Ok(100));
    }
}
