//! Student's t distribution, as far as confidence intervals need it.

/// The quantile of Student's t distribution with `degrees` degrees of freedom: the t for which the probability of
/// less is `p`. For a two-sided 95 % interval, `p` is 0.975.
///
/// # Panics
/// When `p` is not between 0 and 1 or there is no degree of freedom.
pub fn quantile(p: f64, degrees: u32) -> f64 {
    assert!(p > 0.0 && p < 1.0, "a quantile of {p} does not exist");
    assert!(degrees > 0, "there has to be at least one degree of freedom");
    if p < 0.5 {
        return -quantile(1.0 - p, degrees);
    }
    let (mut low, mut high) = (0.0, 1.0);
    while cumulative(high, degrees) < p {
        high *= 2.0;
    }
    // Halving ends when the two are neighbouring numbers, at the latest after all bits of both are settled.
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if cumulative(middle, degrees) < p { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The probability that t is less than `t`, for t of at least 0. The closed sums for whole degrees of freedom:
/// Abramowitz and Stegun, *Handbook of Mathematical Functions*, 26.7.3 and 26.7.4.
fn cumulative(t: f64, degrees: u32) -> f64 {
    if degrees > 400 {
        return normal_like(t, degrees);
    }
    let angle = (t / f64::from(degrees).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    let two_sided = if degrees % 2 == 1 {
        let mut term = cosine;
        let mut sum = 0.0;
        let mut k = 1;
        while k < degrees {
            sum += term;
            k += 2;
            term *= cosine * cosine * f64::from(k - 1) / f64::from(k);
        }
        (angle + sine * sum) * std::f64::consts::FRAC_2_PI
    } else {
        let mut term = 1.0;
        let mut sum = 0.0;
        let mut k = 0;
        while k < degrees {
            sum += term;
            k += 2;
            term *= cosine * cosine * f64::from(k - 1) / f64::from(k);
        }
        sine * sum
    };
    f64::midpoint(1.0, two_sided)
}

/// With very many degrees of freedom t is nearly normal; the transformation is Abramowitz and Stegun 26.7.8, the normal
/// distribution 26.2.17 (error below 7.5e-8).
fn normal_like(t: f64, degrees: u32) -> f64 {
    let n = f64::from(degrees);
    let x = t * (1.0 - 1.0 / (4.0 * n)) / (1.0 + t * t / (2.0 * n)).sqrt();
    let k = 1.0 / (1.0 + 0.231_641_9 * x);
    let series = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let sum = series.iter().rev().fold(0.0, |sum, term| (sum + term) * k);
    1.0 - (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The printed tables, for 0.975.
    #[test]
    fn agrees_with_the_printed_table() {
        let table = [
            (1, 12.706),
            (2, 4.303),
            (3, 3.182),
            (4, 2.776),
            (5, 2.571),
            (7, 2.365),
            (10, 2.228),
            (30, 2.042),
            (120, 1.980),
            (1000, 1.962),
        ];
        for (degrees, expected) in table {
            let found = quantile(0.975, degrees);
            assert!((found - expected).abs() < 6e-4, "{degrees}: {found}");
        }
        assert!((quantile(0.95, 8) - 1.860).abs() < 6e-4);
        assert!((quantile(0.025, 8) + quantile(0.975, 8)).abs() < 1e-9);
    }
}
