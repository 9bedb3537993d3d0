//! How a person writes a duration or a size: `100ms`, `1.5s`, `64MiB`.

use std::time::Duration;

use clap::Command;

/// Units of size in which one is shown, the largest first, and their length in bytes.
const BINARY_UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("bytes", 1)];

/// Those that are read as well.
const OTHER_UNITS: [(&str, u64); 5] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000), ("B", 1), ("", 1)];

/// The longest duration that a setting takes: a week. Longer ones are typing errors.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// The settings of somebody who gives none, neither flags nor environment: what each flag says is its default.
///
/// # Panics
/// One of them has no default.
pub fn defaults<T: clap::Args>() -> T {
    let command = T::augment_args(Command::new("defaults")).mut_args(|arg| arg.env(None::<&str>));
    T::from_arg_matches(&command.get_matches_from([""])).expect("every setting has a default")
}

/// Reads a duration: a number and `ns`, `us`, `ms`, `s`, `m` or more; `0` needs no unit.
///
/// # Errors
/// A sentence for the person who typed it.
pub fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        Ok(_) => Err(format!("`{text}` is longer than a week")),
        Err(_) if text.parse::<f64>().is_ok() => Err(format!("`{text}` has no unit: write `{text}ms` or `{text}s`")),
        Err(error) => Err(format!("`{text}` is not a duration: {error}; write a number and a unit, as in `100ms`")),
    }
}

/// Reads a duration that is not zero: a limit of no time would end everything at once.
///
/// # Errors
/// A sentence for the person who typed it.
pub fn timeout(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration.is_zero() { Err("it must be longer than zero".to_owned()) } else { Ok(duration) }
}

/// Reads a size in bytes: a whole number, alone or with `B`, `kB`, `KiB`, `MB`, `MiB`, `GB` or `GiB`.
///
/// # Errors
/// A sentence for the person who typed it.
pub fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let wrong = || format!("`{text}` is not a size: write a whole number and B, KiB, MiB or GiB, as in `64MiB`");
    let mut units = BINARY_UNITS.iter().chain(&OTHER_UNITS);
    let (_, factor) = units.find(|(name, _)| *name == unit.trim_start()).ok_or_else(wrong)?;
    let value: u64 = number.parse().map_err(|_| wrong())?;
    value.checked_mul(*factor).ok_or_else(|| format!("`{text}` is more than 16 EiB"))
}

/// Writes a size as a person would: the largest binary unit that divides it.
pub fn show_size(bytes: u64) -> String {
    let divides = |(_, factor): &&(&str, u64)| bytes >= *factor && bytes.is_multiple_of(*factor);
    let (name, factor) = BINARY_UNITS.iter().find(divides).unwrap_or(&("bytes", 1));
    format!("{} {name}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(clap::Args)]
    struct Given {
        /// A setting whose variable is there wherever tests run.
        #[arg(long, env = "PATH", default_value = "nowhere")]
        path: String,
    }

    #[test]
    fn defaults_are_those_of_the_flags_whatever_the_environment_says() {
        assert_eq!(defaults::<Given>().path, "nowhere");
    }

    #[test]
    fn durations_read_as_written() {
        assert_eq!(duration("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("250us"), Ok(Duration::from_micros(250)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert_eq!(duration(" 10 ms "), Ok(Duration::from_millis(10)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
    }

    #[test]
    fn a_bad_duration_says_what_to_write() {
        assert!(duration("100").unwrap_err().contains("unit"));
        for text in ["", "ms", "-1s", "1e3s", "1..5s", "nan", "inf", "1.2.3s", "99999m"] {
            assert!(duration(text).is_err(), "{text} was taken");
        }
    }

    #[test]
    fn sizes_read_as_written() {
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("10 kB"), Ok(10_000));
        assert_eq!(size("512"), Ok(512));
        for text in ["", "MiB", "-1", "1.5MiB", "12mib", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text} was taken");
        }
    }

    #[test]
    fn sizes_are_shown_in_the_unit_that_divides_them() {
        assert_eq!(show_size(64 << 20), "64 MiB");
        assert_eq!(show_size(1500), "1500 bytes");
    }

    proptest! {
        #[test]
        fn whole_milliseconds_survive(ms in 0u64..600_000_000) {
            prop_assert_eq!(duration(&format!("{ms}ms")), Ok(Duration::from_millis(ms)));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,20}") {
            let _ = duration(&text);
            let _ = size(&text);
        }
    }
}
