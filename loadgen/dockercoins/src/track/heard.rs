//! What was heard of the workers' loops, on one clock.

use std::collections::BTreeMap;

use ledger::Announcement;
use stats::progress::{Mark, Progress, Worker};

use crate::application::Observation;

/// A worker that has said nothing new for so long no longer keeps the others waiting, in seconds: it announces itself once a
/// second.
const SILENT_S: f64 = 2.5;

/// The name under which all hashes stand where workers do not announce themselves.
const ALL: &str = "all";

/// All workers that were heard of.
#[derive(Debug, Default)]
pub struct Heard {
    workers: BTreeMap<String, Voice>,
    last_s: f64,
}

/// One worker.
#[derive(Debug)]
struct Voice {
    /// Its loops, on its own clock.
    loops: Worker,
    /// What its clock lags behind ours, at most: it cannot have been heard of before it spoke.
    offset_s: f64,
    /// When it wrote its last announcement, by its own time of day; only whether that changes is looked at.
    wrote: f64,
    /// A moment by which that had not been heard yet: all before it is known.
    known_s: f64,
    /// When it was last there.
    there_s: f64,
}

impl Heard {
    /// Adds what was seen at a moment, in seconds of our clock.
    pub fn push(&mut self, at_s: f64, observation: &Observation) {
        let before_s = std::mem::replace(&mut self.last_s, at_s);
        if observation.workers.is_empty() {
            // The count itself is all that is known, and the moment at which it was first seen.
            let voice = self.workers.entry(ALL.to_owned()).or_insert_with(|| Voice::new(at_s));
            voice.loops.push(Mark { at_s, count: observation.hashes as f64 });
            (voice.offset_s, voice.known_s, voice.there_s) = (0.0, at_s, at_s);
        }
        for told in &observation.workers {
            if !self.workers.contains_key(&told.id) {
                self.workers.insert(told.id.clone(), Voice::new(at_s));
            }
            if let Some(voice) = self.workers.get_mut(&told.id) {
                voice.hear(told, at_s, before_s);
            }
        }
    }

    /// Forgets what was before a moment, but for what is needed to count on from there, and the workers that were not there
    /// at the last look.
    pub fn forget(&mut self, until_s: f64) {
        self.workers.retain(|_, voice| voice.there_s >= self.last_s);
        for voice in self.workers.values_mut() {
            voice.loops.marks.drain(..voice.before(until_s));
        }
    }

    /// The moment until which all is known that the workers did. One that has gone will tell nothing more, and keeps nobody
    /// waiting.
    pub fn known_s(&self) -> f64 {
        let latest = self
            .workers
            .values()
            .filter(|voice| voice.there_s >= self.last_s && voice.known_s > self.last_s - SILENT_S);
        latest.map(|voice| voice.known_s).fold(self.last_s, f64::min)
    }

    /// The workers' loops since a moment.
    pub fn progress(&self, since_s: f64) -> Progress {
        let worker = |voice: &Voice| Worker {
            marks: voice.loops.marks[voice.before(since_s)..]
                .iter()
                .map(|mark| Mark { at_s: mark.at_s + voice.offset_s, count: mark.count })
                .collect(),
            runs: voice.there_s >= self.last_s,
        };
        Progress::new(self.workers.values().map(worker).collect())
    }
}

impl Voice {
    fn new(at_s: f64) -> Self {
        Self { loops: Worker::default(), offset_s: f64::INFINITY, wrote: f64::NAN, known_s: at_s, there_s: at_s }
    }

    fn hear(&mut self, told: &Announcement, at_s: f64, before_s: f64) {
        self.offset_s = self.offset_s.min(at_s - told.last_hash);
        if told.now != self.wrote {
            (self.wrote, self.known_s) = (told.now, before_s);
        }
        self.there_s = at_s;
        self.loops.push(Mark { at_s: told.last_hash, count: told.hashes as f64 });
    }

    /// The place of the second mark before a moment: from there on, the loop that was under way then is known, and the one
    /// before it.
    fn before(&self, moment_s: f64) -> usize {
        self.loops.marks.partition_point(|mark| mark.at_s + self.offset_s <= moment_s).saturating_sub(2)
    }
}
