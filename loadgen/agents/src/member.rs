//! One agent, as the coordinator sees it.

use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use instrument::machine::Machine;

use crate::clock;
use crate::link::{Link, LinkError, Receiving, Sending};
use crate::message::{Answer, Order};
use crate::{Offset, SILENCE};

/// What comes from an agent.
#[derive(Debug)]
pub enum Event {
    /// An answer, and when it came by this machine's clock.
    Answer(Answer, u64),
    /// Nothing more will come.
    Gone(String),
}

/// One agent.
pub struct Member {
    /// Where it is.
    pub address: String,
    /// Its machine.
    pub machine: Machine,
    /// Orders go here.
    pub sending: Sending,
    /// Its clock, as far as it is known.
    pub offset: Option<Offset>,
    /// Why it is lost.
    pub lost: Option<String>,
    /// It is lost for this run alone, in which it could not do its part: it did not reach the service, for one.
    pub stays: bool,
}

impl Member {
    /// Greets an agent on a new connection, and listens to it from then on.
    pub fn greet(mut link: Link) -> Result<(Member, Receiving), Refused> {
        let address = link.peer.to_string();
        link.sending.send(&Order::Hello).map_err(Refused::Link)?;
        let machine = match link.receiving.receive() {
            Ok(Answer::Hello(machine)) => machine,
            Ok(Answer::Busy) => return Err(Refused::Busy),
            Ok(other) => return Err(Refused::Unexpected(format!("{other:?}"))),
            // An agent that was not shown its token closes the connection.
            Err(LinkError::Io(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(Refused::Link(LinkError::Token));
            }
            Err(error) => return Err(Refused::Link(error)),
        };
        let member = Member { address, machine, sending: link.sending, offset: None, lost: None, stays: false };
        Ok((member, link.receiving))
    }

    /// Hands what the agent says to `events` until it is gone or nobody wants it any more.
    pub fn listen(index: usize, mut receiving: Receiving, events: SyncSender<(usize, Event)>) -> std::io::Result<()> {
        receiving.patience(Duration::from_secs(1))?;
        let listen = move || {
            let mut heard = Instant::now();
            loop {
                let event = match receiving.receive_or_nothing() {
                    Ok(Some(Answer::Beat)) => {
                        heard = Instant::now();
                        continue;
                    }
                    Ok(Some(answer)) => Event::Answer(answer, clock::now()),
                    Ok(None) if heard.elapsed() < SILENCE => continue,
                    Ok(None) => Event::Gone(format!("nothing was heard from it for {} s", SILENCE.as_secs())),
                    Err(error) => Event::Gone(error.to_string()),
                };
                heard = Instant::now();
                let last = matches!(event, Event::Gone(_));
                if events.send((index, event)).is_err() || last {
                    return;
                }
            }
        };
        thread::Builder::new().name(format!("agent-{index}")).spawn(listen).map(drop)
    }

    /// Sends an order; an agent that does not take it is lost.
    pub fn order(&mut self, order: &Order) {
        if self.lost.is_none()
            && let Err(error) = self.sending.send(order)
        {
            self.lose(error.to_string());
        }
    }

    /// Gives an agent up. It notices, as its connection ends.
    pub fn lose(&mut self, reason: String) {
        self.sending.close();
        self.lost.get_or_insert(reason);
    }
}

/// Why an agent is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The connection failed, or the token is another one.
    #[error(transparent)]
    Link(LinkError),
    /// It works for somebody else.
    #[error("it works for another coordinator")]
    Busy,
    /// It is confused.
    #[error("it answered {0}")]
    Unexpected(String),
}
