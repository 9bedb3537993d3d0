//! Scalability laws fitted to measured throughput, and the choice among them.
//!
//! Each law is fitted by least squares. The law that holds is the one with the smallest Akaike criterion, corrected
//! for small samples (AICc; Hurvich and Tsai, *Regression and time series model selection in small samples*,
//! Biometrika 76(2), 1989); of the laws within 2 of the smallest, which the data cannot tell apart (Burnham and
//! Anderson, *Model Selection and Multimodel Inference*, 2002, section 2.6), the one with the fewest parameters is
//! chosen. Nothing is chosen unless a law that bends could be fitted beside the straight line.

mod cap;
mod curve;
mod profile;
mod score;
mod within;

pub use score::{Comparison, LeftOut, compare};
pub use within::{Beyond, Expected, Needed};

/// Throughput measured with so many workers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The number of workers, N.
    pub n: f64,
    /// The throughput X measured with them.
    pub x: f64,
}

/// How throughput X may depend on the number of workers N.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Law {
    /// X = λN: nobody is ever in the way.
    Linear,
    /// X = λN / (1 + σ(N−1)): a share σ of the work is serial (Amdahl 1967).
    Amdahl,
    /// X = λN / (1 + σ(N−1) + κN(N−1)): contention σ and crosstalk κ (Gunther, *Guerrilla Capacity Planning*, 2007).
    Usl,
    /// X = min(λN, C): nobody is in the way until a capacity C is reached.
    Cap,
}

impl Law {
    /// All of them, from the plainest on.
    pub const ALL: [Law; 4] = [Law::Linear, Law::Amdahl, Law::Cap, Law::Usl];

    /// The short name, as it stands in files.
    pub fn name(self) -> &'static str {
        match self {
            Law::Linear => "linear",
            Law::Amdahl => "amdahl",
            Law::Usl => "usl",
            Law::Cap => "cap",
        }
    }

    /// The name for people.
    pub fn title(self) -> &'static str {
        match self {
            Law::Linear => "linear scaling",
            Law::Amdahl => "Amdahl’s law",
            Law::Usl => "the Universal Scalability Law",
            Law::Cap => "a hard cap",
        }
    }

    /// The law of that short name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|law| law.name() == name)
    }

    /// The formula, as a person would write it.
    pub fn formula(self) -> &'static str {
        match self {
            Law::Linear => "X = λN",
            Law::Amdahl => "X = λN / (1 + σ(N−1))",
            Law::Usl => "X = λN / (1 + σ(N−1) + κN(N−1))",
            Law::Cap => "X = min(λN, C)",
        }
    }

    /// The names of its parameters, in the order in which they are kept.
    pub fn parameters(self) -> &'static [&'static str] {
        match self {
            Law::Linear => &["lambda"],
            Law::Amdahl => &["lambda", "sigma"],
            Law::Usl => &["lambda", "sigma", "kappa"],
            Law::Cap => &["lambda", "cap"],
        }
    }

    /// The law's throughput for `n` workers. Parameters in the order of [`Law::parameters`].
    pub fn at(self, parameters: &[f64], n: f64) -> f64 {
        match (self, parameters) {
            (Law::Linear, [lambda]) => lambda * n,
            (Law::Amdahl, [lambda, sigma]) => lambda * n / (1.0 + sigma * (n - 1.0)),
            (Law::Usl, [lambda, sigma, kappa]) => lambda * n / (1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0)),
            (Law::Cap, [lambda, cap]) => (lambda * n).min(*cap),
            _ => panic!("{} has the parameters {:?}, not {parameters:?}", self.name(), self.parameters()),
        }
    }
}

/// A parameter of a law, with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Its name in files, as `lambda`.
    pub name: &'static str,
    /// The value that fits best.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// A law with the parameters that fit best.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The law.
    pub law: Law,
    /// Its parameters, in the order of [`Law::parameters`].
    pub parameters: Vec<Parameter>,
    /// Coefficient of determination about the mean.
    pub r_squared: f64,
    /// Root of the mean squared residual.
    pub rmse: f64,
    /// Akaike's criterion with the correction for small samples; smaller is better.
    pub aicc: f64,
}

impl Fit {
    /// The fitted law's throughput for `n` workers.
    pub fn at(&self, n: f64) -> f64 {
        let values: Vec<f64> = self.parameters.iter().map(|parameter| parameter.value).collect();
        self.law.at(&values, n)
    }
}

/// The sum of squared residuals.
fn squares(points: &[Point], at: impl Fn(f64) -> f64) -> f64 {
    points.iter().map(|point| (point.x - at(point.n)).powi(2)).sum()
}
