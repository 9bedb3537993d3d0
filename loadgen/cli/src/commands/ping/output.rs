//! What every form of output can do.

use std::io;

use super::tally::{Ping, Tally};

/// One form of output. `which` is the index of the URL that a ping went to.
pub trait Output: Send {
    /// Before the first ping.
    fn begin(&mut self, _tallies: &[Tally]) -> io::Result<()> {
        Ok(())
    }

    /// After each ping; the tally has it counted already.
    fn pinged(&mut self, tallies: &[Tally], which: usize, ping: &Ping) -> io::Result<()>;

    /// On SIGQUIT.
    fn interim(&mut self, _tallies: &[Tally]) -> io::Result<()> {
        Ok(())
    }

    /// Ten times a second, for what moves by itself.
    fn tick(&mut self, _tallies: &[Tally]) -> io::Result<()> {
        Ok(())
    }

    /// After the last ping.
    fn end(&mut self, tallies: &[Tally]) -> io::Result<()>;
}

/// No output.
pub struct Quiet;

impl Output for Quiet {
    fn pinged(&mut self, _: &[Tally], _: usize, _: &Ping) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, _: &[Tally]) -> io::Result<()> {
        Ok(())
    }
}
