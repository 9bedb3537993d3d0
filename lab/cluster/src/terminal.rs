//! A shell on a node, in this terminal.

use std::io::{ErrorKind, IsTerminal as _};
use std::os::fd::{AsFd as _, BorrowedFd};

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt as _;
use rustix::termios::{OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcgetwinsize, tcsetattr};
use swarm::bollard::container::LogOutput;
use swarm::bollard::exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults};
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::signal::unix::{SignalKind, signal};

use crate::Outer;

/// Puts the terminal back as it was.
struct Restore(Option<Termios>);

impl Drop for Restore {
    fn drop(&mut self) {
        if let Some(was) = &self.0 {
            let _ = tcsetattr(std::io::stdin().as_fd(), OptionalActions::Now, was);
        }
    }
}

impl Outer {
    /// Runs a command on a node with this program's own input and output, and returns its exit code.
    ///
    /// In a terminal it gets one of its own, of the same size; otherwise input and output are passed on as they are. When
    /// nobody reads its output any more, this ends with 1.
    ///
    /// # Errors
    /// When the node does not run, the command cannot be started, or its output cannot be passed on.
    pub async fn attach(&self, container: &str, command: &[String], user: Option<&str>) -> Result<i64> {
        let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let term = std::env::var("TERM").unwrap_or_else(|_| "xterm".to_owned());
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(terminal),
            env: Some(vec![format!("TERM={term}")]),
            cmd: Some(command.to_vec()),
            user: user.map(ToOwned::to_owned),
            ..Default::default()
        };
        let what = || format!("cannot run `{}` on the node", command.join(" "));
        let docker = self.docker();
        let id = docker.create_exec(container, options).await.with_context(what)?.id;
        let start = StartExecOptions { tty: terminal, ..Default::default() };
        let StartExecResults::Attached { mut output, mut input } =
            docker.start_exec(&id, Some(start)).await.with_context(what)?
        else {
            bail!("{}: the engine detached it", what());
        };
        let restore = Restore(terminal.then(raw).transpose()?);
        let typed = tokio::spawn(async move {
            let mut stdin = tokio::io::stdin();
            let mut piece = vec![0; 4096];
            while let Ok(read) = stdin.read(&mut piece).await {
                if read == 0 || input.write_all(&piece[..read]).await.is_err() || input.flush().await.is_err() {
                    break;
                }
            }
            let _ = input.shutdown().await;
        });
        let (mut stdout, mut stderr) = (tokio::io::stdout(), tokio::io::stderr());
        let mut resized = signal(SignalKind::window_change())?;
        self.resize(&id, terminal).await;
        let mut wanted = true;
        while wanted {
            tokio::select! {
                piece = output.next() => match piece {
                    Some(Ok(LogOutput::StdErr { message })) => {
                        wanted = pass(&mut stderr, &message).await.context("cannot write to stderr")?;
                    }
                    Some(Ok(other)) => {
                        wanted = pass(&mut stdout, &other.into_bytes()).await.context("cannot write to stdout")?;
                    }
                    Some(Err(error)) => return Err(error).with_context(what),
                    None => break,
                },
                _ = resized.recv() => self.resize(&id, terminal).await,
            }
        }
        typed.abort();
        drop(restore);
        if !wanted {
            return Ok(1);
        }
        Ok(docker.inspect_exec(&id).await.with_context(what)?.exit_code.unwrap_or(-1))
    }

    /// Tells the command how large the terminal is. A failure means that it has ended, which shows by itself.
    async fn resize(&self, id: &str, terminal: bool) {
        if let Some(size) = terminal.then(|| tcgetwinsize(std::io::stdout().as_fd()).ok()).flatten() {
            let size = ResizeExecOptions { height: size.ws_row, width: size.ws_col };
            let _ = self.docker().resize_exec(id, size).await;
        }
    }
}

/// Passes on what the command said. Returns whether more is wanted: a reader that has gone, as `head` does, wants no more.
async fn pass(to: &mut (impl AsyncWrite + Unpin), piece: &[u8]) -> std::io::Result<bool> {
    let written = match to.write_all(piece).await {
        Ok(()) => to.flush().await,
        error => error,
    };
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        done => done.map(|()| true),
    }
}

/// Throws away what was typed while nobody asked for anything; the next question is answered by what is typed after it.
pub fn forget_typed() {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        forget(stdin.as_fd());
    }
}

fn forget(terminal: BorrowedFd<'_>) {
    // A terminal that has gone has nothing to forget.
    let _ = tcflush(terminal, QueueSelector::IFlush);
}

/// Makes the terminal pass on every key, and returns how it was.
fn raw() -> Result<Termios> {
    let stdin = std::io::stdin();
    let was = tcgetattr(stdin.as_fd()).context("cannot read the terminal's settings")?;
    let mut raw = was.clone();
    raw.make_raw();
    tcsetattr(stdin.as_fd(), OptionalActions::Now, &raw).context("cannot set the terminal")?;
    Ok(was)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_before_a_question_is_no_answer_to_it() {
        use std::io::{Read as _, Write as _};
        use std::os::fd::{FromRawFd as _, OwnedFd};
        let (mut keyboard, mut terminal) = (0, 0);
        let none = std::ptr::null_mut();
        // SAFETY: both numbers are there to be written to, and the rest may be null.
        let opened = unsafe { libc::openpty(&raw mut keyboard, &raw mut terminal, none, none.cast(), none.cast()) };
        assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
        // SAFETY: they were opened just now, and nobody else owns them.
        let [keyboard, terminal] = [keyboard, terminal].map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        let (mut keyboard, mut terminal) = (std::fs::File::from(keyboard), std::fs::File::from(terminal));
        let mut line = [0; 16];
        keyboard.write_all(b"a\n").unwrap();
        let read = terminal.read(&mut line).unwrap();
        assert_eq!(&line[..read], b"a\n");
        keyboard.write_all(b"q\n\nq\n").unwrap();
        forget(terminal.as_fd());
        keyboard.write_all(b"b\n").unwrap();
        let read = terminal.read(&mut line).unwrap();
        assert_eq!(&line[..read], b"b\n");
    }

    #[tokio::test]
    async fn a_reader_that_has_gone_is_no_error_and_a_full_disk_is() {
        let (mut to, mut reader) = tokio::io::duplex(16);
        assert!(pass(&mut to, b"y\n").await.unwrap());
        let mut read = [0; 2];
        reader.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"y\n");
        drop(reader);
        assert!(!pass(&mut to, b"y\n").await.unwrap());
        let mut full = tokio::fs::File::options().write(true).open("/dev/full").await.unwrap();
        assert_eq!(pass(&mut full, b"y\n").await.unwrap_err().kind(), ErrorKind::StorageFull);
    }
}
