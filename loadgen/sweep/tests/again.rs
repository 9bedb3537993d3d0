//! A step in which the load generator stood still is measured again, and says so. What was measured outlives a platform that
//! cannot be put back.

use std::time::Instant;

use sweep::driver::{Driver, Measured, Moment};
use sweep::platform::{Error, Placed, Platform, Replicas};
use sweep::result::{Estimate, Machine, Settings, Sweep};
use sweep::run::{Plan, run};
use tokio_util::sync::CancellationToken;

/// A platform on which nothing runs.
#[derive(Default)]
struct Nowhere {
    /// How many times it can be scaled; then it fails.
    scales: Option<u32>,
    /// Whether it cannot be put back.
    stays: bool,
}

impl Platform for Nowhere {
    fn name(&self) -> &'static str {
        "nowhere"
    }

    async fn describe(&mut self, _: &mut Settings, _: &mut Machine) -> Result<(), Error> {
        Ok(())
    }

    async fn scale(&mut self, _: &Replicas) -> Result<(), Error> {
        match &mut self.scales {
            Some(0) => Err(Error("web does not start".to_owned())),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn placement(&mut self) -> Result<Vec<Placed>, Error> {
        Ok(Vec::new())
    }

    async fn restore(&mut self) -> Result<(), Error> {
        if self.stays { Err(Error("web stays at 2: scale it by hand".to_owned())) } else { Ok(()) }
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
    run(&mut Nowhere::default(), &mut driver, &plan, &mut (), CancellationToken::new()).await.expect("a sweep")
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

async fn sweep_of_two(mut platform: Nowhere) -> Result<Sweep, Error> {
    let settings = Settings { scaled: "web".to_owned(), replicas: vec![1, 2], repeats: 1, ..Settings::default() };
    let plan = Plan { settings, generator: "loadgen 0.1.0".to_owned() };
    let mut driver = Disturbed { measurements: 0, disturbed: 0, stands_still: false };
    run(&mut platform, &mut driver, &plan, &mut (), CancellationToken::new()).await
}

#[tokio::test]
async fn what_was_measured_is_kept_where_the_platform_cannot_be_put_back() {
    let stays = "web stays at 2: scale it by hand";
    let whole = sweep_of_two(Nowhere { scales: None, stays: true }).await.expect("both steps were measured");
    assert_eq!((whole.steps.len(), whole.trouble.as_deref(), whole.interrupted), (2, Some(stays), false));
    let half = sweep_of_two(Nowhere { scales: Some(1), stays: true }).await.expect("a step was measured");
    let both = format!("web does not start\n{stays}");
    assert_eq!((half.steps.len(), half.trouble, half.interrupted), (1, Some(both.clone()), true));
    let nothing = sweep_of_two(Nowhere { scales: Some(0), stays: true }).await.expect_err("there is no step");
    assert_eq!(nothing.to_string(), both);
}
