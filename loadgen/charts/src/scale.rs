//! Axes: where a value lies, where the ticks are, and how they read.

/// How values are laid along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences, equal distances.
    Linear,
    /// Equal ratios, equal distances.
    Log,
}

/// What the values of an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Numbers.
    Plain,
    /// Milliseconds, written as µs, ms or s.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Shares from 0 to 1, written as percentages.
    Share,
}

/// An axis whose ends are settled.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    scale: Scale,
    pub low: f64,
    pub high: f64,
}

impl Span {
    /// An axis that holds all `values`, and begins or ends where told to; otherwise at a tick.
    pub fn around(
        scale: Scale,
        values: impl Iterator<Item = f64>,
        low: Option<f64>,
        high: Option<f64>,
        rounded: bool,
    ) -> Self {
        let usable = |value: &f64| value.is_finite() && (scale == Scale::Linear || *value > 0.0);
        let (least, most) = values
            .filter(usable)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)));
        let (least, most) = if least <= most { (least, most) } else { (1.0, 10.0) };
        let (mut start, mut end) = (low.filter(usable).unwrap_or(least), high.filter(usable).unwrap_or(most));
        if end <= start {
            // A single value: something around it.
            (start, end) = match scale {
                Scale::Linear => (start - 0.5, start + 0.5),
                Scale::Log => (start / 2.0, start * 2.0),
            };
        }
        if rounded {
            match scale {
                Scale::Linear => {
                    let step = step(end - start, 5.0);
                    if low.is_none() {
                        start = (start / step).floor() * step;
                    }
                    if high.is_none() {
                        end = (end / step - 1e-9).ceil() * step;
                    }
                }
                Scale::Log => {
                    if low.is_none() {
                        start = nice_below(start);
                    }
                    if high.is_none() {
                        end = 1.0 / nice_below(1.0 / end);
                    }
                }
            }
        }
        Self { scale, low: start, high: end }
    }

    /// Where a value lies, from 0 at the low end to 1 at the high end. `None` where it has no place.
    pub fn place(&self, value: f64) -> Option<f64> {
        let place = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log if value > 0.0 => (value / self.low).ln() / (self.high / self.low).ln(),
            Scale::Log => return None,
        };
        place.is_finite().then_some(place)
    }

    /// About `count` ticks at round values.
    pub fn ticks(&self, count: f64, whole: bool) -> Vec<f64> {
        match self.scale {
            Scale::Linear => {
                let mut step = step(self.high - self.low, count);
                if whole {
                    step = step.max(1.0);
                }
                let first = (self.low / step - 1e-9).ceil() as i64;
                let last = (self.high / step + 1e-9).floor() as i64;
                (first..=last).map(|k| k as f64 * step).collect()
            }
            Scale::Log => {
                let decades = (self.high / self.low).log10();
                let within = |value: &f64| *value >= self.low * 0.999_999 && *value <= self.high * 1.000_001;
                let first = self.low.log10().floor() as i32;
                let last = self.high.log10().ceil() as i32;
                let parts: &[f64] = if decades <= count / 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
                let every = (decades / count).ceil().max(1.0) as i32;
                (first..=last)
                    .filter(|decade| decade.rem_euclid(every) == 0)
                    .flat_map(|decade| parts.iter().map(move |part| part * 10_f64.powi(decade)))
                    .filter(within)
                    .collect()
            }
        }
    }
}

/// 1, 2 or 5 times a power of ten, such that about `count` steps make up `length`.
fn step(length: f64, count: f64) -> f64 {
    let rough = length / count;
    let power = 10_f64.powf(rough.log10().floor());
    let part = rough / power;
    let nice = if part < 1.5 {
        1.0
    } else if part < 3.0 {
        2.0
    } else if part < 7.0 {
        5.0
    } else {
        10.0
    };
    nice * power
}

/// 1, 2 or 5 times a power of ten, at or just below `value`.
fn nice_below(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let part = value / power * (1.0 + 1e-9);
    let nice = if part >= 5.0 {
        5.0
    } else if part >= 2.0 {
        2.0
    } else {
        1.0
    };
    nice * power
}

/// Ticks as text, all with as many digits as the closest two need.
pub fn labels(ticks: &[f64], unit: Unit) -> Vec<String> {
    let gaps = || ticks.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    let (gap, widest) = (gaps().fold(f64::INFINITY, f64::min), gaps().fold(0.0, f64::max));
    // On a logarithmic axis each tick has the digits that it needs itself.
    let even = ticks.len() > 1 && widest < gap * 1.001;
    ticks
        .iter()
        .map(|&tick| match unit {
            Unit::Plain => number(tick, decimals(if even || tick == 0.0 { gap } else { tick.abs() })),
            Unit::Seconds => format!("{} s", number(tick, decimals(gap))),
            Unit::Share => format!("{} %", number(tick * 100.0, decimals(gap * 100.0))),
            Unit::Milliseconds => milliseconds(tick),
        })
        .collect()
}

/// A value as text, for tables and hints: up to four significant digits.
pub fn value(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Plain => significant(value),
        Unit::Seconds => format!("{} s", significant(value)),
        Unit::Share => format!("{:.1} %", value * 100.0),
        Unit::Milliseconds => milliseconds(value),
    }
}

fn milliseconds(ms: f64) -> String {
    let size = ms.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if size < 0.0995 {
        format!("{} µs", significant(ms * 1e3))
    } else if size < 999.5 {
        format!("{} ms", significant(ms))
    } else {
        format!("{} s", significant(ms / 1e3))
    }
}

/// Up to four significant digits, without zeros at the end.
fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return number(value, 0);
    }
    let places = (3 - value.abs().log10().floor() as i32).clamp(0, 6);
    let text = number(value, places as usize);
    if places > 0 { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// How many decimals a step of this size needs.
fn decimals(step: f64) -> usize {
    if !step.is_finite() || step <= 0.0 {
        return 0;
    }
    let step = step * (1.0 + 1e-9);
    (0..6)
        .find(|&places| {
            let scaled = step * 10_f64.powi(places);
            scaled >= 1.0 && (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
        })
        .unwrap_or(6) as usize
}

/// A number with its thousands set apart.
fn number(value: f64, places: usize) -> String {
    let text = format!("{:.places$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let negative = value < 0.0 && text.chars().any(|digit| ('1'..='9').contains(&digit));
    format!("{}{grouped}{rest}", if negative { "−" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(low: f64, high: f64, count: f64) -> Vec<f64> {
        Span { scale: Scale::Linear, low, high }.ticks(count, false)
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.0, 10.0, 5.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(0.0, 34.0, 5.0), [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
        assert_eq!(labels(&ticks(0.0, 1.0, 5.0), Unit::Plain), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&[0.0, 10_000.0, 20_000.0], Unit::Plain), ["0", "10,000", "20,000"]);
        assert_eq!(labels(&[0.0, 0.5, 1.0], Unit::Share), ["0 %", "50 %", "100 %"]);
    }

    #[test]
    fn logarithmic_ticks_are_decades_or_finer() {
        let span = |low, high| Span { scale: Scale::Log, low, high };
        assert_eq!(
            labels(&span(0.1, 1000.0).ticks(6.0, false), Unit::Milliseconds),
            ["0.1 ms", "1 ms", "10 ms", "100 ms", "1 s"]
        );
        assert_eq!(labels(&span(20.0, 500.0).ticks(6.0, false), Unit::Plain), ["20", "50", "100", "200", "500"]);
        assert_eq!(span(0.1, 1000.0).place(0.0), None);
        assert!((span(0.1, 1000.0).place(10.0).expect("inside") - 0.5).abs() < 1e-12);
    }

    #[test]
    fn an_axis_holds_its_values_and_ends_at_ticks() {
        let span = Span::around(Scale::Linear, [3.3, 33.0].into_iter(), Some(0.0), None, true);
        assert_eq!((span.low, span.high), (0.0, 35.0));
        let span = Span::around(Scale::Log, [0.3, 812.0].into_iter(), None, None, true);
        assert_eq!((span.low, span.high), (0.2, 1000.0));
        let one = Span::around(Scale::Linear, [5.0].into_iter(), None, None, false);
        assert!(one.place(5.0).is_some_and(|place| (place - 0.5).abs() < 1e-9));
        let none = Span::around(Scale::Log, [f64::NAN, -1.0].into_iter(), None, None, true);
        assert!(none.low < none.high);
    }

    #[test]
    fn values_read_well() {
        assert_eq!(
            [748.3, 0.352, 1234.0, 0.05].map(|ms| value(ms, Unit::Milliseconds)),
            ["748.3 ms", "0.352 ms", "1.234 s", "50 µs"]
        );
        assert_eq!(
            [10.0, 9.976, 17333.4, 0.0, -3.5].map(|x| value(x, Unit::Plain)),
            ["10", "9.976", "17,333", "0", "−3.5"]
        );
        assert_eq!(value(0.997, Unit::Share), "99.7 %");
    }
}
