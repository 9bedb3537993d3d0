//! How long waits may last on a machine that is slower than others.

use std::sync::OnceLock;
use std::time::Duration;

/// The variable that all bounds of waits, and what rates may fall short, are multiplied by.
const PATIENCE: &str = "LAB_PATIENCE";

/// Most that it may say: with a hundred times the bound, nothing that hangs is ever found out.
const MOST: f64 = 100.0;

/// The bound of a wait on this machine: as it is, or times `LAB_PATIENCE`. A wait that ends before its bound is as
/// short as ever. A value that `check` refuses counts as 1.
pub fn patient(bound: Duration) -> Duration {
    bound.mul_f64(chosen())
}

/// By how much a measured rate may fall short of theory, in percent: as it is, or times `LAB_PATIENCE`, and never
/// more than 50. A slow machine adds to each loop; nothing makes a loop shorter, so there is no such thing for rates
/// that are too high.
pub fn shortfall(percent: f64) -> f64 {
    (percent * chosen()).min(50.0)
}

fn chosen() -> f64 {
    static FACTOR: OnceLock<f64> = OnceLock::new();
    *FACTOR.get_or_init(|| factor(&said()).unwrap_or(1.0))
}

/// Whether `LAB_PATIENCE` can be understood; for a program's first moments.
///
/// # Errors
/// When it is no number from 1 to 100.
pub fn check() -> Result<(), String> {
    factor(&said()).map(drop)
}

/// `LAB_PATIENCE=3`, for a program that is started somewhere else: bounds that were lengthened here are as long there.
pub fn passed_on() -> Option<String> {
    Some(said()).filter(|said| !said.is_empty()).map(|said| format!("{PATIENCE}={said}"))
}

fn said() -> String {
    std::env::var(PATIENCE).unwrap_or_default()
}

fn factor(said: &str) -> Result<f64, String> {
    if said.is_empty() {
        return Ok(1.0);
    }
    let number = said.parse().ok().filter(|factor| (1.0..=MOST).contains(factor));
    number.ok_or_else(|| {
        format!(
            "{PATIENCE}={said}: waits and tolerances are multiplied by it\n  give a number from 1 to {MOST}, or nothing"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::factor;

    #[test]
    fn patience_is_a_factor_from_one_to_a_hundred() {
        assert_eq!(factor(""), Ok(1.0));
        assert_eq!(factor("2.5"), Ok(2.5));
        for wrong in ["0", "0.5", "-1", "101", "NaN", "inf", "much"] {
            assert!(factor(wrong).unwrap_err().contains(&format!("LAB_PATIENCE={wrong}")), "{wrong}");
        }
    }
}
