//! Where the threads of a run wait for each other before it starts.

use std::sync::{Condvar, Mutex, PoisonError};

/// A gate that opens once, for all.
#[derive(Debug, Default)]
pub struct Gate {
    start: Mutex<Option<u64>>,
    opened: Condvar,
}

impl Gate {
    /// Lets all through, and tells them when the run starts.
    pub fn open(&self, start: u64) {
        self.start.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(start);
        self.opened.notify_all();
    }

    /// Waits until it is open, and gives the time at which the run starts. It opens when every thread is ready or has
    /// failed, each of which is bounded by the time that a connection may take.
    pub fn pass(&self) -> u64 {
        let mut start = self.start.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match *start {
                Some(start) => return start,
                None => start = self.opened.wait(start).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}
