//! Names to addresses, without holding up a thread that sends.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

/// Threads that ask at the same time. A slow name server then holds up new connections, not the ones that are open.
const ASKERS: usize = 8;

/// A name's addresses, in the order in which they are to be tried.
pub type Addresses = Arc<[SocketAddr]>;

/// Resolves a name and a port.
pub fn resolve(host: &str, port: u16) -> std::io::Result<Addresses> {
    let found: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    if found.is_empty() {
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(found.into())
}

/// Brings another of the addresses of the first one's family to the front each time, in turn.
///
/// A C library may sort what it got from the name server, always to the same order, so that the server's own rotation
/// is lost; taking the addresses in turn spreads connections evenly whatever it does.
fn rotate(addresses: &Addresses, turn: usize) -> Addresses {
    let mut sorted = addresses.to_vec();
    let family = sorted[0].is_ipv4();
    sorted.sort_by_key(|address| (address.is_ipv4() != family, *address));
    let same = sorted.iter().filter(|address| address.is_ipv4() == family).count();
    sorted[..same].rotate_left(turn % same);
    sorted.into()
}

/// An answer to a question that a thread asked: its own token, and the addresses if there are any.
pub type Resolved = (u64, Option<Addresses>);

/// Where the answers for one thread arrive.
#[derive(Debug)]
pub struct Mailbox {
    answers: Mutex<Vec<Resolved>>,
    bell: OwnedFd,
}

impl Mailbox {
    /// An empty mailbox.
    pub fn new() -> std::io::Result<Self> {
        let bell = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Mailbox { answers: Mutex::default(), bell })
    }

    /// Becomes readable when there is an answer.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Takes the answers that arrived.
    pub fn take(&self) -> Vec<Resolved> {
        // The counter is cleared first: an answer that comes in between rings again, for nothing at worst. That it was
        // not set is no error either.
        let _ = rustix::io::read(&self.bell, &mut [0; 8]);
        std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, answer: Resolved) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
        // A full counter means that the bell has rung already.
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }
}

/// Asks for one name again and again, for all threads.
#[derive(Debug, Clone)]
pub struct Resolver {
    questions: Sender<(u64, Arc<Mailbox>)>,
}

impl Resolver {
    /// Starts the threads that ask by calling `lookup`. They end with the last clone of the resolver. The addresses are taken in
    /// turn, and `first` is the turn of the first answer: generators that ask for the same name need not all begin with one address.
    pub fn start(
        first: usize,
        lookup: impl Fn() -> std::io::Result<Addresses> + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let lookup = Arc::new(lookup);
        let (questions, todo) = channel();
        let todo = Arc::new(Mutex::new(todo));
        let turn = Arc::new(AtomicUsize::new(first));
        for _ in 0..ASKERS {
            let (lookup, todo, turn) = (Arc::clone(&lookup), Arc::clone(&todo), Arc::clone(&turn));
            thread::Builder::new().name("resolver".to_owned()).spawn(move || ask(&*lookup, &todo, &turn))?;
        }
        Ok(Resolver { questions })
    }

    /// Asks; the answer comes to the mailbox with the token.
    pub fn ask(&self, token: u64, mailbox: &Arc<Mailbox>) {
        if self.questions.send((token, Arc::clone(mailbox))).is_err() {
            mailbox.put((token, None));
        }
    }
}

fn ask(
    lookup: &dyn Fn() -> std::io::Result<Addresses>,
    todo: &Mutex<Receiver<(u64, Arc<Mailbox>)>>,
    turn: &AtomicUsize,
) {
    loop {
        let next = todo.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((token, mailbox)) = next else { return };
        let found = lookup().ok().map(|found| rotate(&found, turn.fetch_add(1, Ordering::Relaxed)));
        mailbox.put((token, found));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_first_family_are_taken_in_turn() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let all: Addresses = ["10.0.0.3:80", "10.0.0.1:80", "[::1]:80", "10.0.0.2:80"].map(parse).to_vec().into();
        let firsts: Vec<String> = (0..4).map(|turn| rotate(&all, turn)[0].to_string()).collect();
        assert_eq!(firsts, ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.1:80"]);
        assert_eq!(rotate(&all, 2)[3], parse("[::1]:80"));
    }

    /// Asks once, and waits for the answer.
    fn answer(resolver: &Resolver, token: u64) -> Vec<Resolved> {
        let mailbox = Arc::new(Mailbox::new().unwrap());
        resolver.ask(token, &mailbox);
        let mut fds = [rustix::event::PollFd::from_borrowed_fd(mailbox.bell(), rustix::event::PollFlags::IN)];
        let timeout = rustix::time::Timespec { tv_sec: 20, tv_nsec: 0 };
        assert_eq!(rustix::event::poll(&mut fds, Some(&timeout)).unwrap(), 1, "no answer within 20 s");
        mailbox.take()
    }

    #[test]
    fn generators_of_one_plan_begin_with_different_addresses() {
        let all: Addresses = (1..=4).map(|last| SocketAddr::from(([10, 0, 0, last], 80))).collect();
        let firsts = [0, 1, 2, 3].map(|first| {
            let all = Arc::clone(&all);
            let resolver = Resolver::start(first, move || Ok(Arc::clone(&all))).unwrap();
            answer(&resolver, 0)[0].1.as_ref().unwrap()[0]
        });
        assert_eq!(firsts, all[..]);
    }

    #[test]
    fn answers_come_to_the_mailbox_of_who_asked() {
        let resolver = Resolver::start(0, || resolve("localhost", 4711)).unwrap();
        let answers = answer(&resolver, 7);
        assert_eq!(answers[0].0, 7);
        assert!(answers[0].1.as_ref().unwrap().iter().all(|address| address.port() == 4711));
    }
}
