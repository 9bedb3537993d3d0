//! The time of day on this machine's clock, for `--ts`.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time as httping writes it: `01:08:41.812`, with `verbose` 1 `2026/11/21 01:08:42.023`, with 2 Unix time in µs.
pub fn stamp(at: SystemTime, verbose: u8) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, micros) = (since.as_secs(), since.subsec_micros());
    if verbose >= 2 {
        return format!("{seconds}.{micros:06}");
    }
    let Some(local) = broken_down(seconds.cast_signed()) else {
        return format!("{seconds}.{micros:06}");
    };
    let time = format!("{:02}:{:02}:{:02}.{:03}", local.tm_hour, local.tm_min, local.tm_sec, micros / 1000);
    match verbose {
        0 => time,
        _ => format!("{}/{:02}/{:02} {time}", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday),
    }
}

fn broken_down(seconds: i64) -> Option<libc::tm> {
    // SAFETY: all bytes zero are a valid `tm`; it has integers and a pointer only.
    let mut local: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values, and localtime_r keeps neither.
    let done = unsafe { libc::localtime_r(&seconds, &mut local) };
    (!done.is_null()).then_some(local)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_level_has_its_shape() {
        let at = UNIX_EPOCH + Duration::from_micros(1_795_223_322_233_877);
        assert_eq!(stamp(at, 2), "1795223322.233877");
        // The hour depends on the time zone; the rest does not, as zones are whole quarters of an hour.
        let time = stamp(at, 0);
        assert_eq!((time.len(), &time[6..]), (12, "42.233"), "{time}");
        let date = stamp(at, 1);
        assert!(date.starts_with("2026/11/2") && date.ends_with(&time), "{date}");
    }
}
