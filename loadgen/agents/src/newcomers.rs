//! Those who come to a port by themselves, strangers among them.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// Connections that have not proved the token yet, beyond the number of those that are to come; further ones wait.
const STRANGERS: usize = 64;

/// How long somebody is waited for, before whoever waits looks at what else there is.
const PAUSE: Duration = Duration::from_millis(50);

/// Says what became of a new connection; nothing where a stranger came.
type Greet<T> = dyn Fn(TcpStream) -> Option<T> + Send + Sync;

/// Greets those who come, each in a thread of its own: a stranger that says nothing holds up nobody else.
pub struct Newcomers<'a, T> {
    listener: &'a TcpListener,
    /// Each greeting that is under way has a clone of it.
    greet: Arc<Greet<T>>,
    /// Greetings that may be under way.
    most: usize,
    greeted: Sender<T>,
    came: Receiver<T>,
}

impl<'a, T: Send + 'static> Newcomers<'a, T> {
    /// Of whom so many are to come.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new(
        listener: &'a TcpListener,
        wanted: usize,
        greet: impl Fn(TcpStream) -> Option<T> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let (greeted, came) = channel();
        Ok(Newcomers { listener, greet: Arc::new(greet), most: wanted + STRANGERS, greeted, came })
    }

    /// The next one who was greeted; nothing where nobody was for a moment.
    ///
    /// # Errors
    /// When the system takes no connection, or starts no thread.
    pub fn take(&self) -> io::Result<Option<T>> {
        let full = Arc::strong_count(&self.greet) > self.most;
        let came = if full { Err(io::ErrorKind::WouldBlock.into()) } else { self.listener.accept() };
        let pause = match came {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                let (greet, greeted) = (Arc::clone(&self.greet), self.greeted.clone());
                thread::Builder::new().spawn(move || {
                    let newcomer = greet(stream);
                    drop(greet);
                    newcomer.is_some_and(|newcomer| greeted.send(newcomer).is_ok())
                })?;
                Duration::ZERO
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => PAUSE,
            Err(error) => return Err(error),
        };
        Ok(self.came.recv_timeout(pause).ok())
    }
}
