//! Small pictures made of characters.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The last values as a row of bars from 0 to the largest, newest at the right; `×` for a failure.
pub fn line<'a>(values: impl DoubleEndedIterator<Item = &'a Option<f64>> + Clone, width: usize) -> String {
    let top = values.clone().rev().take(width).filter_map(|value| *value).fold(0.0, f64::max);
    line_to(values, top, width)
}

/// The same from 0 to a given value.
pub fn line_to<'a>(values: impl DoubleEndedIterator<Item = &'a Option<f64>>, top: f64, width: usize) -> String {
    let shown: Vec<_> = values.rev().take(width).collect();
    let bar = |value: f64| {
        if top > 0.0 { BARS[((value / top * 8.0).ceil() as usize).clamp(1, 8) - 1] } else { BARS[0] }
    };
    shown.into_iter().rev().map(|value| value.map_or('×', bar)).collect()
}

/// A bar of eighths of a character, `share` of `width` long; never empty where there is something.
pub fn bar(share: f64, width: usize) -> String {
    let eighths = (share * width as f64 * 8.0).round() as usize;
    let eighths = if share > 0.0 { eighths.max(1).min(width * 8) } else { 0 };
    let partial = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let mut bar = "█".repeat(eighths / 8);
    if eighths % 8 > 0 {
        bar.push(partial[eighths % 8 - 1]);
    }
    bar
}

/// Up to `rows` classes that cover `low` to `high`: pairs of lower and upper border, all round numbers.
///
/// Their width is even where the values are close together, and grows with the value where they spread.
pub fn classes(low: f64, high: f64, rows: usize) -> Vec<(f64, f64)> {
    // A nanosecond stands for zero, which has no logarithm.
    let (low, high) = (low.max(1e-6), high.max(1e-6));
    let mut borders = if high < low * 4.0 { even(low, high, rows) } else { growing(low, high, rows) };
    // More decades than rows: the last row takes what is left.
    if borders.len() > rows + 1 {
        let top = borders[borders.len() - 1];
        borders.truncate(rows);
        borders.push(top);
    }
    borders.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

/// Borders at multiples of the smallest of 1, 2 and 5 times a power of ten that needs no more rows.
fn even(low: f64, high: f64, rows: usize) -> Vec<f64> {
    let smallest = (low.log10().floor() as i32) - 3;
    let steps = (smallest..=smallest + 5).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10f64.powi(power)));
    let mut borders = Vec::new();
    for step in steps {
        let (first, last) = ((low / step).floor() as u64, (high / step).floor() as u64 + 1);
        borders = (first..=last).map(|n| n as f64 * step).collect();
        if borders.len() <= rows + 1 {
            break;
        }
    }
    borders
}

/// Borders at the finest of some divisions of each power of ten that needs no more rows.
fn growing(low: f64, high: f64, rows: usize) -> Vec<f64> {
    const DIVISIONS: [&[f64]; 4] = [
        &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0],
        &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
        &[1.0, 2.0, 5.0],
        &[1.0],
    ];
    let mut borders = Vec::new();
    for division in DIVISIONS {
        let (first, last) = (low.log10().floor() as i32, high.log10().floor() as i32 + 1);
        borders = (first..=last).flat_map(|power| division.iter().map(move |step| step * 10f64.powi(power))).collect();
        // Keeps one border at or below the lowest value and one above the highest.
        let from = borders.iter().rposition(|&border| border <= low).unwrap_or(0);
        let to = borders.iter().position(|&border| border > high).unwrap_or(borders.len() - 1);
        borders.truncate(to + 1);
        borders.drain(..from);
        if borders.len() <= rows + 1 {
            break;
        }
    }
    borders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sparkline_shows_the_newest() {
        let values = [Some(9.0), Some(1.0), None, Some(8.0), Some(0.0)];
        assert_eq!(line(values.iter(), 4), "▁×█▁");
        assert_eq!(line(values.iter(), 80).chars().count(), 5);
        assert_eq!(line([].iter(), 80), "");
    }

    #[test]
    fn bars_are_as_long_as_their_share() {
        assert_eq!(bar(1.0, 10), "██████████");
        assert_eq!(bar(0.25, 10), "██▌");
        assert_eq!((bar(0.0, 10), bar(1e-9, 10)), (String::new(), "▏".to_owned()));
        assert_eq!(bar(0.5, 0), "", "a terminal may be narrow");
    }

    #[test]
    fn classes_cover_all_values_within_the_rows() {
        for (low, high) in [(0.9, 1.1), (1.0, 1.0), (1.3, 738.0), (0.01, 30_000.0), (99.0, 101.0), (0.0, 0.0)] {
            for rows in [1, 2, 3, 8, 16] {
                let classes = classes(low, high, rows);
                assert!((1..=rows).contains(&classes.len()), "{low}..{high} in {rows} rows: {classes:?}");
                assert!(
                    classes[0].0 <= low.max(1e-6) && high < classes[classes.len() - 1].1,
                    "{low}..{high}: {classes:?}"
                );
                assert!(classes.windows(2).all(|pair| pair[0].1 == pair[1].0), "{classes:?}");
            }
        }
    }
}
