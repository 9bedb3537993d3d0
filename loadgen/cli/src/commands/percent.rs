//! Percentages as they are written on a command line.

/// Reads `5%` or `5` as 0.05.
pub fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim().parse::<f64>();
    match number {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value / 100.0),
        _ => Err(format!("`{text}` is not a percentage; write it as 5%")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_shares() {
        assert_eq!(percent("10%"), Ok(0.1));
        assert_eq!(percent(" 5 % "), Ok(0.05));
        assert!(percent("-1").is_err() && percent("%").is_err() && percent("inf").is_err());
    }
}
