//! A part of a plan: which of its arrivals a generator sends.
//!
//! Several generators that send one plan each take every k-th arrival of it, beginning with another one. Together they
//! send each arrival of the plan exactly once, at its time, however many they are: nothing is drawn twice, and a
//! Poisson process stays the very one that its seed gives. (k6 calls the same idea an execution segment.)

/// The arrivals `index`, `index + of`, `index + 2·of`, … of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    index: u64,
    of: u64,
}

impl Segment {
    /// The whole plan.
    pub const WHOLE: Segment = Segment { index: 0, of: 1 };

    /// Part `index`, counted from 0, of `of` equal ones; nothing where there is no such part.
    pub fn new(index: u64, of: u64) -> Option<Segment> {
        (index < of).then_some(Segment { index, of })
    }

    /// Part `index` of `of` equal ones of this segment, as each thread of a generator has one.
    pub fn part(self, index: u64, of: u64) -> Option<Segment> {
        let part = Segment::new(index, of)?;
        Some(Segment { index: self.index + self.of * part.index, of: self.of.checked_mul(part.of)? })
    }

    /// The first of its arrivals, counted from 0.
    pub fn first(self) -> u64 {
        self.index
    }

    /// The distance between two of its arrivals.
    pub fn step(self) -> u64 {
        self.of
    }

    /// How many of the first `total` things are its own.
    pub fn share(self, total: u64) -> u64 {
        total / self.of + u64::from(self.index < total % self.of)
    }
}

impl Default for Segment {
    fn default() -> Self {
        Segment::WHOLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_does_not_exist_is_refused() {
        assert_eq!(Segment::new(2, 2), None);
        assert_eq!(Segment::new(0, 0), None);
        assert_eq!(Segment::WHOLE.part(3, 3), None);
        assert_eq!(Segment::new(1, u64::MAX).and_then(|segment| segment.part(0, 2)), None, "its steps would overflow");
    }

    #[test]
    fn parts_of_parts_share_everything_out_once() {
        for total in [0, 1, 7, 100, 101] {
            let parts = (0..3).flat_map(|machine| {
                let machine = Segment::new(machine, 3).unwrap();
                (0..4).map(move |thread| machine.part(thread, 4).unwrap())
            });
            let mut taken = Vec::new();
            for part in parts {
                let own: Vec<u64> = (part.first()..total).step_by(part.step() as usize).collect();
                assert_eq!(own.len() as u64, part.share(total));
                taken.extend(own);
            }
            taken.sort_unstable();
            assert_eq!(taken, (0..total).collect::<Vec<_>>());
        }
    }
}
