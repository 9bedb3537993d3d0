//! Numbers of replicas as they are written on a command line: `1..10`, `1,2,5,10`, `rng=3`.

/// More replicas of a service than this are a typing error.
pub const MOST: u32 = 10_000;

/// Reads a list of counts and ranges: `4`, `1..10` (both ends are meant), `1,2,5..8`. They stay in the order written.
///
/// # Errors
/// A sentence for the person who typed it.
pub fn counts(text: &str) -> Result<Vec<u32>, String> {
    let mut all = Vec::new();
    for part in text.split(',') {
        match part.split_once("..") {
            Some((from, to)) => {
                let (from, to) = (count(from)?, count(to.trim_start_matches('='))?);
                if from > to {
                    return Err(format!("`{part}` runs backwards: write `{to}..{from}`"));
                }
                all.extend(from..=to);
            }
            None => all.push(count(part)?),
        }
    }
    Ok(all)
}

/// Reads the replicas of one service: `rng=3`.
///
/// # Errors
/// A sentence for the person who typed it.
pub fn assignment(text: &str) -> Result<(String, u32), String> {
    match text.split_once('=') {
        Some((service, replicas)) if !service.trim().is_empty() => Ok((service.trim().to_owned(), count(replicas)?)),
        _ => Err(format!("`{text}` is no service with its replicas: write it as in `rng=3`")),
    }
}

/// Reads the numbers of replicas of one service: `rng=1..3`.
///
/// # Errors
/// A sentence for the person who typed it.
pub fn axis(text: &str) -> Result<(String, Vec<u32>), String> {
    match text.split_once('=') {
        Some((service, replicas)) if !service.trim().is_empty() => Ok((service.trim().to_owned(), counts(replicas)?)),
        _ => Err(format!("`{text}` is no service with numbers of replicas: write it as in `rng=1..3`")),
    }
}

fn count(text: &str) -> Result<u32, String> {
    let text = text.trim();
    match text.parse() {
        Ok(0) => Err("0 replicas do nothing: begin at 1".to_owned()),
        Ok(count) if count > MOST => Err(format!("{count} is more than {MOST} replicas")),
        Ok(count) => Ok(count),
        Err(_) => Err(format!(
            "`{text}` is no number of replicas: write one as `4`, a range as `1..10`, or a list as `1,2,5`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_read_in_order() {
        assert_eq!(counts("1..4"), Ok(vec![1, 2, 3, 4]));
        assert_eq!(counts("10, 1,5..=6"), Ok(vec![10, 1, 5, 6]));
        assert_eq!(assignment("rng=3"), Ok(("rng".to_owned(), 3)));
        assert_eq!(axis(" rng=1..3,5"), Ok(("rng".to_owned(), vec![1, 2, 3, 5])));
    }

    #[test]
    fn mistakes_are_explained() {
        assert!(counts("5..1").is_err_and(|error| error.contains("write `1..5`")));
        assert!(counts("").is_err_and(|error| error.contains("no number of replicas")));
        assert!(counts("0..3").is_err_and(|error| error.contains("begin at 1")));
        assert!(counts("1..99999999999").is_err());
        assert!(counts("1..20000").is_err_and(|error| error.contains("more than 10000")));
        assert!(assignment("rng").is_err() && assignment("=3").is_err() && assignment("rng=x").is_err());
        assert!(axis("rng").is_err() && axis("=1..3").is_err() && axis("rng=3..1").is_err());
    }
}
