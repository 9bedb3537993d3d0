//! Points as they are written in a file.

use anyhow::{Context, bail, ensure};
use model::law::Point;

/// Reads two columns of a CSV file; `n` and `x` are names of the first line or numbers from 1. Empty lines and those that
/// begin with `#` are passed over; semicolons, tabs and spaces part columns too.
pub fn read(text: &str, n: &str, x: &str) -> anyhow::Result<Vec<Point>> {
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim().trim_start_matches('\u{feff}')))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .peekable();
    let Some(&(_, first)) = lines.peek() else { bail!("it holds no points") };
    let separator = [',', ';', '\t'].into_iter().find(|&separator| first.contains(separator)).unwrap_or(' ');
    let split = |line: &str| -> Vec<String> {
        let cells = line.split(separator).map(|cell| cell.trim().trim_matches('"').to_owned());
        cells.filter(|cell| separator != ' ' || !cell.is_empty()).collect()
    };
    let names = split(first);
    let headed = names.iter().all(|name| name.parse::<f64>().is_err());
    let column = |wanted: &str| -> anyhow::Result<usize> {
        if let Some(place) = names.iter().position(|name| headed && name == wanted) {
            return Ok(place);
        }
        match wanted.parse::<usize>() {
            Ok(number) if (1..=names.len()).contains(&number) => Ok(number - 1),
            _ if headed => bail!("there is no column {wanted}; there are {}", names.join(", ")),
            _ => bail!("there is no column {wanted}; there are {}", names.len()),
        }
    };
    let columns = [column(n)?, column(x)?];
    let mut points = Vec::new();
    for (number, line) in lines.skip(usize::from(headed)) {
        let cells = split(line);
        let [n, x] = columns.map(|place| -> anyhow::Result<f64> {
            let cell = cells.get(place).with_context(|| format!("line {number} has no column {}", place + 1))?;
            let value: f64 = cell.parse().with_context(|| format!("line {number}: `{cell}` is not a number"))?;
            ensure!(value.is_finite() && value > 0.0, "line {number}: {cell} is not above zero");
            Ok(value)
        });
        points.push(Point { n: n?, x: x? });
    }
    ensure!(!points.is_empty(), "it holds no points");
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_with_and_without_names() {
        let expected = [Point { n: 1.0, x: 10.5 }, Point { n: 2.0, x: 20.0 }];
        for text in [
            "1,10.5\n2,20\n",
            "n;x\n1;10.5\n\n2;20",
            "# mine\n1  10.5\n2 20",
            "\u{feff}\"n\",\"x\"\r\n1,10.5\r\n2,20\r\n",
        ] {
            assert_eq!(read(text, "1", "2").unwrap(), expected, "{text:?}");
        }
        assert_eq!(read("rate,replicas\n10.5,1\n20,2", "replicas", "rate").unwrap(), expected);
    }

    #[test]
    fn what_is_no_point_is_named_with_its_line() {
        for (text, n, reason) in [
            ("", "1", "no points"),
            ("n,x\n", "1", "no points"),
            ("n,x\n1,10\n2,fast", "1", "line 3: `fast` is not a number"),
            ("1,10\n2", "1", "line 2 has no column 2"),
            ("1,10\n0,5", "1", "line 2: 0 is not above zero"),
            ("n,x\n1,2", "workers", "no column workers; there are n, x"),
            ("1,2", "3", "no column 3; there are 2"),
        ] {
            let error = format!("{:#}", read(text, n, "2").unwrap_err());
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }
}
