//! A step in which the load generator stood still is measured again, and says so.

use std::time::Instant;

use sweep::driver::{Driver, Measured, Moment};
use sweep::platform::{Error, Placed, Platform, Replicas};
use sweep::result::{Estimate, Machine, Settings, Sweep};
use sweep::run::{Plan, run};
use tokio_util::sync::CancellationToken;

/// A platform on which nothing runs.
struct Nowhere;

impl Platform for Nowhere {
    fn name(&self) -> &'static str {
        "nowhere"
    }

    async fn describe(&mut self, _: &mut Settings, _: &mut Machine) -> Result<(), Error> {
        Ok(())
    }

    async fn scale(&mut self, _: &Replicas) -> Result<(), Error> {
        Ok(())
    }

    async fn placement(&mut self) -> Result<Vec<Placed>, Error> {
        Ok(Vec::new())
    }

    async fn restore(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// A load generator that is the limit in its first measurements: the n-th gives n requests/s.
struct Disturbed {
    measurements: u32,
    disturbed: u32,
    stands_still: bool,
}

impl Driver<Nowhere> for Disturbed {
    fn begin(&mut self, _: &Nowhere) -> Result<(), Error> {
        Ok(())
    }

    async fn step(&mut self, _: &mut Nowhere, _: &mut Moment<'_>) -> Result<Option<Measured>, Error> {
        self.measurements += 1;
        let limit = (self.measurements <= self.disturbed).then(|| format!("trouble {}", self.measurements));
        let now = Instant::now();
        Ok(Some(Measured {
            throughput: Some(Estimate::around(f64::from(self.measurements), 0.1)),
            generator_limit: limit,
            generator_stood_still: self.stands_still,
            ..Measured::of(now, now)
        }))
    }
}

async fn sweep(disturbed: u32, stands_still: bool) -> Sweep {
    let settings = Settings { scaled: "web".to_owned(), replicas: vec![1], repeats: 1, ..Settings::default() };
    let plan = Plan { settings, generator: "loadgen 0.1.0".to_owned() };
    let mut driver = Disturbed { measurements: 0, disturbed, stands_still };
    run(&mut Nowhere, &mut driver, &plan, &mut (), CancellationToken::new()).await.expect("a sweep")
}

/// What the only step says: its throughput, the generator's limit, its notes.
fn told(sweep: &Sweep) -> (f64, Option<&str>, Vec<&str>) {
    let [step] = &sweep.steps[..] else { panic!("{} steps", sweep.steps.len()) };
    let notes = step.notes.iter().map(String::as_str).collect();
    (step.throughput.value, step.generator_limit.as_deref(), notes)
}

#[tokio::test]
async fn a_step_without_trouble_is_measured_once() {
    assert_eq!(told(&sweep(0, true).await), (1.0, None, vec![]));
}

#[tokio::test]
async fn what_stood_still_is_measured_again_and_told() {
    let once = "It was measured once more, as the load generator was disturbed (trouble 1).";
    assert_eq!(told(&sweep(1, true).await), (2.0, None, vec![once]));
    let twice = "It was measured twice more, as the load generator was disturbed (trouble 2).";
    assert_eq!(told(&sweep(2, true).await), (3.0, None, vec![twice]));
}

/// A machine on which it stands still each time is the limit, after three measurements.
#[tokio::test]
async fn what_always_stands_still_is_the_limit() {
    let twice = "It was measured twice more, as the load generator was disturbed (trouble 2).";
    assert_eq!(told(&sweep(9, true).await), (3.0, Some("trouble 3"), vec![twice]));
}

/// A generator that cannot send more is no better the next time.
#[tokio::test]
async fn what_is_too_slow_is_measured_once() {
    assert_eq!(told(&sweep(9, false).await), (1.0, Some("trouble 1"), vec![]));
}
