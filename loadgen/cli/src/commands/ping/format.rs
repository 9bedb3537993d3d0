//! Numbers as a person reads them.

use std::time::Duration;

/// Milliseconds with about three significant digits: `0.183`, `2.71`, `27.1`, `738.2`.
pub fn ms(value: f64) -> String {
    if value < 1.0 {
        format!("{value:.3}")
    } else if value < 10.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.1}")
    }
}

/// Milliseconds in words: two significant digits under ten, three under a thousand, and then seconds.
pub fn words(value: f64) -> String {
    if value >= 9_999.5 {
        format!("{:.1} s", value / 1e3)
    } else if value >= 10.0 {
        format!("{value:.0} ms")
    } else if value >= 1.0 {
        format!("{value:.1} ms")
    } else if value >= 0.1 {
        format!("{value:.2} ms")
    } else {
        format!("{:.0} µs", value * 1e3)
    }
}

/// A duration in milliseconds.
pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// `1 ping`, `2 pings`.
pub fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_the_digits_that_matter() {
        assert_eq!([0.1834, 2.714, 27.14, 738.16].map(ms), ["0.183", "2.71", "27.1", "738.2"]);
        assert_eq!(
            [0.0412, 0.183, 1.34, 12.6, 738.2, 12_340.0].map(words),
            ["41 µs", "0.18 ms", "1.3 ms", "13 ms", "738 ms", "12.3 s"]
        );
        assert_eq!((count(1, "ping"), count(2, "ping")), ("1 ping".to_owned(), "2 pings".to_owned()));
    }
}
