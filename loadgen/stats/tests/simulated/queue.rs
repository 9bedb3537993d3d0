//! Requests to one server, as a load generator would see them.

use super::random::Random;

/// An answer: when it was complete, and how long it took from when the request was due.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    pub at_s: f64,
    pub took_s: f64,
}

/// How requests become due, and how they are served.
#[derive(Debug, Clone, Copy)]
pub enum System {
    /// As many a second at even distances, each served in 5 ms and a little noise.
    Constant { rate: f64 },
    /// Poisson arrivals at a server that takes a constant time and serves one at a time.
    MD1 { load: f64, service_s: f64 },
    /// Bursts at random moments, of so many requests on average, 1 ms apart; each is served in an exponential time.
    Bursts { bursts_per_s: f64, size: f64 },
    /// A closed loop of one connection with exponential service of 5 ms; the server stalls about every 2 s for about 0.2 s.
    Stalls,
    /// A closed loop of one connection with exponential service of this mean.
    Exponential { service_s: f64 },
}

/// The stalls of [`System::Stalls`]: mean time of work between two, and mean length.
const WORK_S: f64 = 2.0;
const STALL_S: f64 = 0.2;
const SERVICE_S: f64 = 0.005;

impl System {
    /// Answers a second in the long run.
    pub fn rate(self) -> f64 {
        match self {
            Self::Constant { rate } => rate,
            Self::MD1 { load, service_s } => load / service_s,
            Self::Bursts { bursts_per_s, size } => bursts_per_s * size,
            Self::Stalls => WORK_S / (WORK_S + STALL_S) / SERVICE_S,
            Self::Exponential { service_s } => 1.0 / service_s,
        }
    }

    /// The answers of so many seconds, after a time in which the system has come into its steady state.
    pub fn run(self, seconds: f64, seed: u64) -> Vec<Answer> {
        let mut random = Random::new(seed);
        let warm_s = 0.2 * seconds;
        let until_s = warm_s + seconds;
        let mut answers = Vec::with_capacity((self.rate() * seconds * 1.1) as usize);
        let mut push = |due_s: f64, at_s: f64| {
            if at_s >= warm_s && at_s < until_s {
                answers.push(Answer { at_s: at_s - warm_s, took_s: at_s - due_s });
            }
            at_s < until_s
        };
        match self {
            Self::Constant { rate } => {
                let phase = random.share();
                for number in 0.. {
                    let due_s = (f64::from(number) + phase) / rate;
                    if !push(due_s, due_s + 0.005 + random.exponential(0.0005)) {
                        break;
                    }
                }
            }
            Self::MD1 { load, service_s } => {
                let (mut due_s, mut free_s) = (0.0, 0.0_f64);
                loop {
                    due_s += random.exponential(service_s / load);
                    free_s = free_s.max(due_s) + service_s;
                    if !push(due_s, free_s) {
                        break;
                    }
                }
            }
            Self::Bursts { bursts_per_s, size } => {
                let mut burst_s = 0.0;
                'bursts: loop {
                    burst_s += random.exponential(1.0 / bursts_per_s);
                    let mut due_s = burst_s;
                    // Geometric, so that any size may come.
                    loop {
                        if !push(due_s, due_s + random.exponential(0.002)) && burst_s > until_s {
                            break 'bursts;
                        }
                        due_s += 0.001;
                        if random.share() < 1.0 / size {
                            break;
                        }
                    }
                }
                answers.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
            }
            Self::Stalls => {
                let mut now_s = 0.0;
                let mut work_s = random.exponential(WORK_S);
                loop {
                    let due_s = now_s;
                    let service_s = random.exponential(SERVICE_S);
                    now_s += service_s;
                    work_s -= service_s;
                    while work_s < 0.0 {
                        now_s += random.exponential(STALL_S);
                        work_s += random.exponential(WORK_S);
                    }
                    if !push(due_s, now_s) {
                        break;
                    }
                }
            }
            Self::Exponential { service_s } => {
                let mut now_s = 0.0;
                loop {
                    let due_s = now_s;
                    now_s += random.exponential(service_s);
                    if !push(due_s, now_s) {
                        break;
                    }
                }
            }
        }
        answers
    }
}
