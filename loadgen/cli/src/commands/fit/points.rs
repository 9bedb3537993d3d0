//! Points as they are written in a file.

use anyhow::{Context, bail, ensure};
use csv::{ReaderBuilder, Trim};
use model::law::Point;

/// The largest number of replicas, and the largest throughput. More are a mistake, and so are less than one divided by them. The
/// fits multiply their squares, up to n⁴x², and what a floating-point number cannot hold would be called infinite.
const LARGEST: [f64; 2] = [1e9, 1e30];

/// A line of the file: its number from 1, and its cells.
type Row = (u64, Vec<String>);

/// Reads two columns of a CSV file (RFC 4180); `n` and `x` are names of the first line or numbers from 1. Empty lines and those
/// that begin with `#` are passed over; semicolons, tabs and spaces part columns too.
pub fn read(text: &str, n: &str, x: &str) -> anyhow::Result<Vec<Point>> {
    let rows = rows(text.trim_start_matches('\u{feff}'))?;
    let Some((_, names)) = rows.first() else { bail!("it holds no points") };
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
    for (number, cells) in rows.iter().skip(usize::from(headed)) {
        ensure!(
            cells.len() == names.len(),
            "line {number} has {}, and the first has {}",
            counted(cells.len()),
            counted(names.len())
        );
        let read = |place: usize, largest: f64| -> anyhow::Result<f64> {
            let cell = &cells[place];
            let value: f64 = cell.parse().with_context(|| format!("line {number}: `{cell}` is not a number"))?;
            ensure!(value.is_finite() && value > 0.0, "line {number}: {cell} is not above zero");
            ensure!(
                (1.0 / largest..=largest).contains(&value),
                "line {number}: {cell} is out of reach; use a unit in which it lies between {:.0e} and {largest:e}",
                1.0 / largest
            );
            Ok(value)
        };
        points.push(Point { n: read(columns[0], LARGEST[0])?, x: read(columns[1], LARGEST[1])? });
    }
    ensure!(!points.is_empty(), "it holds no points");
    Ok(points)
}

fn counted(cells: usize) -> String {
    if cells == 1 { "1 cell".to_owned() } else { format!("{cells} cells") }
}

/// The lines that hold something.
fn rows(text: &str) -> anyhow::Result<Vec<Row>> {
    let means_something = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let Some(separator) = separator(text.lines().find(means_something).unwrap_or_default()) else {
        let lines = text.lines().zip(1..).filter(|(line, _)| means_something(line));
        return Ok(lines.map(|(line, number)| (number, line.split_whitespace().map(bare).collect())).collect());
    };
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .comment(Some(b'#'))
        // Lines with another number of cells are named here, in words of our own.
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.context("it is not CSV")?;
        let nothing = record.iter().all(str::is_empty) || record.get(0).is_some_and(|cell| cell.starts_with('#'));
        if !nothing {
            let line = record.position().map_or(0, csv::Position::line);
            rows.push((line, record.iter().map(str::to_owned).collect()));
        }
    }
    Ok(rows)
}

/// What parts the cells of a line: the first such character outside of quotes. Nothing where it is spaces.
fn separator(line: &str) -> Option<u8> {
    let mut quoted = false;
    let outside: Vec<u8> = line
        .bytes()
        .filter(|byte| {
            quoted ^= *byte == b'"';
            !quoted
        })
        .collect();
    b",;\t".iter().copied().find(|separator| outside.contains(separator))
}

/// A cell without its quotes.
fn bare(cell: &str) -> String {
    cell.trim_matches('"').to_owned()
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
        // A name may hold what parts the columns.
        let quoted = "\"hash,es\",n\n# a \"comment\n10.5,1\n\"20\",2\n";
        assert_eq!(read(quoted, "n", "hash,es").unwrap(), expected);
        assert_eq!(read("\"a;b\",n\n10.5,1\n20,2", "n", "a;b").unwrap(), expected);
        assert_eq!(read("rate,replicas\n10.5,1\n20,2", "replicas", "rate").unwrap(), expected);
    }

    #[test]
    fn what_is_no_point_is_named_with_its_line() {
        for (text, n, reason) in [
            ("", "1", "no points"),
            ("n,x\n", "1", "no points"),
            ("n,x\n1,10\n2,fast", "1", "line 3: `fast` is not a number"),
            ("1,10\n2", "1", "line 2 has 1 cell, and the first has 2 cells"),
            ("n,x\n1,10\n2,3,000", "1", "line 3 has 3 cells, and the first has 2 cells"),
            ("n,x\n1,\"1,000\"\n", "1", "line 2: `1,000` is not a number"),
            ("1,1e308", "1", "line 1: 1e308 is out of reach"),
            ("1 2\n1e10 5", "1", "line 2: 1e10 is out of reach; use a unit in which it lies between 1e-9 and 1e9"),
            ("n,x\n1,inf", "1", "line 2: inf is not above zero"),
            ("1,10\n0,5", "1", "line 2: 0 is not above zero"),
            ("n,x\n1,2", "workers", "no column workers; there are n, x"),
            ("1,2", "3", "no column 3; there are 2"),
        ] {
            let error = format!("{:#}", read(text, n, "2").unwrap_err());
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    /// Numbers up to the largest that are taken give laws with numbers in them, and no infinity.
    #[test]
    fn the_largest_numbers_can_be_fitted() {
        for (n, x) in [(1.0, 1e29), (1.0, 1e-29), (1e8, 1e29), (1e8, 1e-29)] {
            let line = |k: u32| format!("{:e},{:e}\n", n * f64::from(k), x * f64::from(k) / (1.0 + 0.1 * f64::from(k)));
            let points = read(&(1..=8).map(line).collect::<String>(), "1", "2").unwrap();
            for fit in model::law::compare(&points).fits {
                let all = fit.parameters.iter().flat_map(|parameter| [parameter.value, parameter.low, parameter.high]);
                assert!(all.chain([fit.rmse, fit.r_squared]).all(f64::is_finite), "{n:e} {x:e} {fit:?}");
            }
        }
    }
}
