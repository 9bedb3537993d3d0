//! Values as they are written on the command line.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use instrument::schedule::Stage;
use kit::settings::duration;

/// Reads a rate: `500`, `500/s`, `30/m`.
pub fn rate(text: &str) -> Result<f64, String> {
    let bad = || format!("`{text}` is not a rate; write it as 500, 500/s or 30/m");
    let (number, per) = match text.trim().split_once('/') {
        None => (text.trim(), 1.0),
        Some((number, "s")) => (number, 1.0),
        Some((number, "m" | "min")) => (number, 60.0),
        Some((number, "h")) => (number, 3600.0),
        Some(_) => return Err(bad()),
    };
    let number: f64 = number.trim().parse().map_err(|_| bad())?;
    if number.is_finite() && number >= 0.0 { Ok(number / per) } else { Err(bad()) }
}

/// A stage as it is written: `30s:100/s` or `30s:100..1000/s`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageValue(pub Stage);

impl FromStr for StageValue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a stage; write it as 30s:500/s, or 30s:100..1000/s for a ramp");
        let (length, rates) = text.split_once(':').ok_or_else(bad)?;
        let seconds = duration(length)?.as_secs_f64();
        if seconds <= 0.0 {
            return Err(format!("the stage `{text}` has no length"));
        }
        let (rates, unit) = rates.split_once('/').map_or((rates, "s"), |(rates, unit)| (rates, unit));
        let read = |number: &str| rate(&format!("{number}/{unit}"));
        let (from, to) = match rates.split_once("..") {
            Some((from, to)) => (read(from)?, read(to)?),
            None => (read(rates)?, read(rates)?),
        };
        Ok(StageValue(Stage { seconds, from, to }))
    }
}

/// An address as it is written: `10.0.0.3`, `10.0.0.3:8001`, `[::1]:8001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressValue {
    ip: IpAddr,
    port: Option<u16>,
}

impl AddressValue {
    /// With a port where it names none itself.
    pub fn with_port(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, self.port.unwrap_or(port))
    }
}

impl FromStr for AddressValue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = text.parse::<SocketAddr>().map(|address| (address.ip(), Some(address.port())));
        let (ip, port) = whole
            .or_else(|_| text.parse::<IpAddr>().map(|ip| (ip, None)))
            .map_err(|_| format!("`{text}` is not an address; write it as 10.0.0.3, 10.0.0.3:8001 or [::1]:8001"))?;
        Ok(AddressValue { ip, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_refused() {
        assert_eq!(rate("500"), Ok(500.0));
        assert_eq!(rate("30/m"), Ok(0.5));
        for text in ["", "-1", "nan", "inf", "5/day"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_have_a_port_of_their_own_or_that_of_the_url() {
        let read = |text: &str| text.parse::<AddressValue>().map(|address| address.with_port(80).to_string());
        assert_eq!(read("10.0.0.3"), Ok("10.0.0.3:80".to_owned()));
        assert_eq!(read("10.0.0.3:8001"), Ok("10.0.0.3:8001".to_owned()));
        assert_eq!(read("::1"), Ok("[::1]:80".to_owned()));
        for text in ["rng", "10.0.0", "10.0.0.3:99999", ""] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn stages_are_constant_or_ramps() {
        let stage = |text: &str| text.parse::<StageValue>().map(|value| value.0);
        assert_eq!(stage("30s:500/s"), Ok(Stage::constant(500.0, 30.0)));
        assert_eq!(stage("1m:100..1000"), Ok(Stage { seconds: 60.0, from: 100.0, to: 1000.0 }));
        assert_eq!(stage("1m:60..120/m"), Ok(Stage { seconds: 60.0, from: 1.0, to: 2.0 }));
        for text in ["30s", "0s:5", "30s:x", ":5", "30s:1..2..3"] {
            assert!(stage(text).is_err(), "{text}");
        }
    }
}
