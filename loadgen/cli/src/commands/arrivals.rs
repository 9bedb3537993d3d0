//! How the requests of an open loop are spread, for all commands that send them.

use instrument::schedule::Arrivals;

/// How arrivals are spread.
#[derive(Debug, clap::Args)]
pub struct ArrivalsArgs {
    /// How the requests of an open loop are spread
    #[arg(long = "arrivals", value_enum, default_value = "constant")]
    kind: Kind,

    /// Seed of Poisson arrivals; the same seed gives the same arrivals
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    Constant,
    Poisson,
}

impl ArrivalsArgs {
    /// What the engine is told.
    pub fn kind(&self) -> Arrivals {
        match self.kind {
            Kind::Constant => Arrivals::Constant,
            Kind::Poisson => Arrivals::Poisson,
        }
    }

    /// The name in files.
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Constant => "constant",
            Kind::Poisson => "poisson",
        }
    }
}
