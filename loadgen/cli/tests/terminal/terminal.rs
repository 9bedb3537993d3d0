//! A pseudo-terminal that the command believes to be a person's.

use std::fs::File;
use std::io::Read;
use std::process::{Child, Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// The side of the terminal that a person sees.
pub struct Terminal {
    seen: File,
    name: String,
    /// What was read beyond what was waited for.
    unread: Vec<u8>,
}

impl Terminal {
    /// A terminal of a size.
    pub fn new(columns: u16, rows: u16) -> Terminal {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&controller, size).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
        Terminal { seen: File::from(controller), name, unread: Vec::new() }
    }

    /// Starts the command with its standard error on the terminal, and its standard output in a pipe.
    pub fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Child {
        let mut command = self.command(arguments);
        command.envs(environment.iter().copied());
        command.stdout(Stdio::piped()).stderr(self.side()).spawn().unwrap()
    }

    /// Starts the command with its standard output on the terminal, and its standard error in a pipe.
    pub fn print(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(self.side()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        command.args(arguments).env("TERM", "xterm").env_remove("NO_COLOR").stdin(Stdio::null());
        command
    }

    fn side(&self) -> File {
        File::options().read(true).write(true).open(&self.name).unwrap()
    }

    /// What is drawn up to a text, the text included.
    pub fn read_until(&mut self, wanted: &str) -> String {
        loop {
            if let Some(at) = self.unread.windows(wanted.len()).position(|part| part == wanted.as_bytes()) {
                let found = self.unread.drain(..at + wanted.len()).collect();
                return String::from_utf8(found).unwrap();
            }
            let ended = self.read() == 0;
            assert!(!ended, "the command ended before it drew {wanted:?}: {}", self.unread.escape_ascii());
        }
    }

    /// What is drawn until nobody has the terminal open any more.
    pub fn rest(&mut self) -> String {
        while self.read() > 0 {}
        String::from_utf8(std::mem::take(&mut self.unread)).unwrap()
    }

    /// Reads on; 0 at the end, which a terminal reports as an error.
    fn read(&mut self) -> usize {
        let mut bytes = [0; 65536];
        let count = self.seen.read(&mut bytes).unwrap_or(0);
        self.unread.extend_from_slice(&bytes[..count]);
        count
    }
}
