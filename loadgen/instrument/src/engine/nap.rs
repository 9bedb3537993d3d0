//! Short sleeps of a closed loop, so that several answers are there when it wakes.
//!
//! A thread that waits in epoll is woken by the first answer. The server pays for that within its own write, and the thread
//! for going to sleep and waking again for one answer or two. A thread that sleeps by its own timer is woken by nobody,
//! and finds what came meanwhile.
//!
//! An answer may so be noticed late by the length of the sleep, which is therefore at most a tenth of the time that answers
//! take: what the rules about slip call nothing, too. Where requests queue at the server, as they do where many
//! connections send as fast as they can, the time is not even added: the next requests come in time for the queue, and the
//! time from one request of a connection to its next is the number of connections over the throughput, by Little's law,
//! wherever an answer waits in between. An open loop, which is there to measure response times, never sleeps like this.

/// The longest such sleep, in nanoseconds.
const LONGEST: u64 = 50_000;

/// A shorter one than this costs more than it saves.
const SHORTEST: u64 = 4_000;

/// The sleep as a part of the time that answers take.
const PART: u64 = 10;

/// With fewer requests under way than this there is nothing to gather.
const MANY: usize = 8;

/// The weight of one answer in the running mean is one over this.
const MEMORY: u64 = 64;

/// How long to sleep: by the running mean of the service time.
#[derive(Debug, Default)]
pub struct Nap {
    mean: u64,
}

impl Nap {
    /// Takes the time that an answer took.
    #[inline]
    pub fn learn(&mut self, service: u64) {
        self.mean = if self.mean == 0 { service } else { self.mean - self.mean / MEMORY + service / MEMORY };
    }

    /// How long to sleep with so many requests under way; nothing where it is not worth it.
    pub fn length(&self, in_flight: usize) -> Option<u64> {
        let length = (self.mean / PART).min(LONGEST);
        (in_flight >= MANY && length >= SHORTEST).then_some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nap_is_a_tenth_of_what_answers_take_within_bounds() {
        let mut nap = Nap::default();
        assert_eq!(nap.length(64), None, "nothing is known yet");
        for (service, expected) in [(200_000, Some(20_000)), (20_000, None), (10_000_000, Some(LONGEST))] {
            (0..20 * MEMORY).for_each(|_| nap.learn(service));
            let length = nap.length(64);
            assert!(
                length.zip(expected).map_or(length == expected, |(a, b)| a.abs_diff(b) < 200),
                "{service}: {length:?}"
            );
        }
        assert_eq!(nap.length(MANY - 1), None, "few connections are measured as they are");
    }
}
