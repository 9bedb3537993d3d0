//! A tally as it goes over the wire: the same numbers, without the empty places of its histograms.

use instrument::failure::Failure;
use instrument::tally::{Counts, Tally};
use serde::{Deserialize, Serialize};

/// A histogram as pairs of value and count. The value stands for its bucket, so that nothing is lost between histograms
/// of the same bounds.
type Times = Vec<(u64, u64)>;

/// Requests by outcome.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Outcomes {
    due: u64,
    done: u64,
    ok: u64,
    failed: [u64; Failure::COUNT],
    unfinished: u64,
}

impl Outcomes {
    fn of(counts: &Counts) -> Self {
        let Counts { due, done, ok, failed, unfinished } = *counts;
        Outcomes { due, done, ok, failed, unfinished }
    }

    fn counts(&self) -> Counts {
        let Outcomes { due, done, ok, failed, unfinished } = *self;
        Counts { due, done, ok, failed, unfinished }
    }
}

/// What was counted in an interval.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Counted {
    counts: Outcomes,
    warm_up: Outcomes,
    /// Completions, waited, unsent, bytes of content, connections, unopened, watched, asleep.
    numbers: [u64; 8],
    statuses: Vec<(u16, u64)>,
    response: Times,
    service: Times,
    error_response: Times,
    slip: Times,
    /// In which intervals the requests were due.
    pub due: Vec<(u64, u64)>,
}

impl Counted {
    /// What a tally holds. `due` says in which intervals its requests were due.
    pub fn of(tally: &Tally, due: &[(u64, u64)]) -> Self {
        // Taken apart without `..`, so that a field that is added to it cannot be forgotten here.
        let Tally {
            counts,
            warm_up,
            completions,
            waited,
            unsent,
            statuses: _,
            body_bytes,
            connections,
            unopened,
            watched,
            asleep,
            response,
            service,
            error_response,
            slip,
        } = tally;
        let times = |histogram: &hdrhistogram::Histogram<u64>| {
            histogram.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
        };
        Counted {
            counts: Outcomes::of(counts),
            warm_up: Outcomes::of(warm_up),
            numbers: [*completions, *waited, *unsent, *body_bytes, *connections, *unopened, *watched, *asleep],
            statuses: tally.statuses().collect(),
            response: times(response),
            service: times(service),
            error_response: times(error_response),
            slip: times(slip),
            due: due.to_vec(),
        }
    }

    /// Writes it into a tally, which is cleared first.
    pub fn write(&self, tally: &mut Tally) {
        tally.clear();
        tally.counts = self.counts.counts();
        tally.warm_up = self.warm_up.counts();
        let [completions, waited, unsent, body_bytes, connections, unopened, watched, asleep] = self.numbers;
        (tally.completions, tally.waited, tally.unsent, tally.body_bytes) = (completions, waited, unsent, body_bytes);
        (tally.connections, tally.unopened) = (connections, unopened);
        (tally.watched, tally.asleep) = (watched, asleep);
        for &(status, count) in &self.statuses {
            if let Some(place) = tally.statuses.get_mut(usize::from(status)) {
                *place = count;
            }
        }
        for (histogram, times) in [
            (&mut tally.response, &self.response),
            (&mut tally.service, &self.service),
            (&mut tally.error_response, &self.error_response),
            (&mut tally.slip, &self.slip),
        ] {
            for &(value, count) in times {
                histogram.saturating_record_n(value, count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_comes_out_as_it_went_in() {
        let mut tally = Tally {
            counts: Counts { due: 9, done: 5, ok: 4, failed: [1; Failure::COUNT], unfinished: 1 },
            warm_up: Counts { due: 1, done: 1, ok: 1, ..Counts::default() },
            ..Tally::default()
        };
        (tally.completions, tally.waited, tally.unsent, tally.body_bytes) = (4, 3, 2, 1);
        (tally.connections, tally.unopened, tally.watched, tally.asleep) = (5, 6, 7, 8);
        (tally.statuses[200], tally.statuses[503], tally.statuses[999]) = (4, 1, 2);
        for (k, times) in [&mut tally.response, &mut tally.service, &mut tally.error_response, &mut tally.slip]
            .into_iter()
            .enumerate()
        {
            for value in [0, 1, 2_047, 2_049, 123_456_789, instrument::tally::LONGEST] {
                times.record_n(value, k as u64 + 1).expect("within the bounds");
            }
        }
        let sent = postcard::to_stdvec(&Counted::of(&tally, &[(3, 9)])).expect("it can be written");
        let came: Counted = postcard::from_bytes(&sent).expect("it can be read");
        let mut copy = Tally::default();
        copy.slip.record(7).expect("within the bounds");
        came.write(&mut copy);
        assert_eq!(came.due, [(3, 9)]);
        for (ours, theirs) in [
            (&tally.response, &copy.response),
            (&tally.service, &copy.service),
            (&tally.error_response, &copy.error_response),
            (&tally.slip, &copy.slip),
        ] {
            assert_eq!(ours, theirs);
            assert_eq!((ours.min(), ours.max(), ours.mean()), (theirs.min(), theirs.max(), theirs.mean()));
        }
        let plain = |tally: &Tally| {
            let numbers = [tally.completions, tally.waited, tally.unsent, tally.body_bytes, tally.connections];
            (tally.counts, tally.warm_up, numbers, tally.unopened, tally.watched, tally.asleep, tally.statuses.clone())
        };
        assert_eq!(plain(&tally), plain(&copy));
    }
}
