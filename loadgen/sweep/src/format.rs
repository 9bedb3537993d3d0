//! Numbers as people read them.

use crate::result::Estimate;

/// A rate with three significant digits: `3.33`, `10.0`, `748`, `12,300`.
pub fn rate(value: f64) -> String {
    let size = value.abs();
    if size < 9.995 {
        fine_rate(value)
    } else if size < 99.95 {
        format!("{value:.1}")
    } else {
        grouped(value)
    }
}

/// A quotient with three significant digits at most, as `3`, `2.99` or `10`.
pub fn times(value: f64) -> String {
    let text = rate(value);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A rate with two decimals, as long as they say anything, and with four where they say too little: for columns, where
/// differences of a percent are looked for.
pub fn fine_rate(value: f64) -> String {
    if value.abs() < 999.95 { format!("{value:.0$}", decimals(value)) } else { grouped(value) }
}

fn decimals(rate: f64) -> usize {
    if rate != 0.0 && rate.abs() < 0.0995 { 4 } else { 2 }
}

/// Half the width of the interval, with the digits of the value itself.
pub fn margin(rate: Estimate) -> String {
    let half = (rate.high - rate.low) / 2.0;
    if rate.value < 999.95 { format!("{half:.0$}", decimals(rate.value)) } else { format!("{half:.0}") }
}

/// A time given in milliseconds: `0.25 ms`, `1.3 ms`, `748 ms`, `1.23 s`.
pub fn time(ms: f64) -> String {
    let size = ms.abs();
    if size < 0.995 {
        format!("{ms:.2} ms")
    } else if size < 9.95 {
        format!("{ms:.1} ms")
    } else if size < 999.5 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.2} s", ms / 1000.0)
    }
}

/// Names as a sentence has them: `head`, `head and worker-1`, `head, worker-1 and worker-2`.
pub fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [name] => name.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A share as a percentage: `99.6 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A difference as a percentage, with its sign: `+0.4 %`, `−1.2 %`.
pub fn difference(share: f64) -> String {
    let text = format!("{:.1} %", share.abs() * 100.0);
    // What rounds to nothing has no sign.
    if text == "0.0 %" {
        text
    } else if share < 0.0 {
        format!("−{text}")
    } else {
        format!("+{text}")
    }
}

/// A count with its noun: `1 worker`, `3 workers`, `2 replicas of rng`.
pub fn replicas(count: u32, service: &str) -> String {
    match (service, count) {
        ("worker", 1) => "1 worker".to_owned(),
        ("worker", _) => format!("{count} workers"),
        (_, 1) => format!("1 replica of {service}"),
        _ => format!("{count} replicas of {service}"),
    }
}

/// A whole number with its thousands set apart: `12,345`.
pub fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = if value < 0.0 { "−".to_owned() } else { String::new() };
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_they_deserve() {
        assert_eq!(
            [3.3333, 9.996, 33.33, 99.96, 748.2, 12345.0].map(rate),
            ["3.33", "10.0", "33.3", "100", "748", "12,345"]
        );
        assert_eq!([0.0249, 0.0, 0.0996].map(rate), ["0.0249", "0.00", "0.10"]);
        assert_eq!([0.25, 1.26, 748.4, 999.6].map(time), ["0.25 ms", "1.3 ms", "748 ms", "1.00 s"]);
        assert_eq!([0.0041, -0.012, -0.0001].map(difference), ["+0.4 %", "−1.2 %", "0.0 %"]);
        assert_eq!([999.0, 1000.0, 1234567.0, -1234.0].map(grouped), ["999", "1,000", "1,234,567", "−1,234"]);
    }
}
