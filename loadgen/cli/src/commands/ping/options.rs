//! The options, with httping's letters.

use std::time::Duration;

use ping::{Family, Options};

use super::pace::{Pace, seconds};

const EXAMPLES: &str = "\
Examples:
  loadgen ping localhost:8001                  one ping a second until ^C
  loadgen ping localhost:8001 localhost:8002   which is slower?
  loadgen ping -c 5 -s -S https://example.org  five pings: status, and where the time goes
  loadgen ping -f -c 1000 -q rng && echo up    a thousand as fast as they come; only the exit code
  loadgen ping --live rng hasher               a picture that moves
  loadgen ping -X POST --body @block hasher    what a POST of a file's bytes takes
  loadgen ping -c 10 -M rng | jq '.[-1]'       the summary as JSON
  loadgen ping -c 3 -n 200,500 rng             a check for Nagios

While it runs, ^C ends it with a summary, and ^\\ (SIGQUIT) prints one and goes on.

Exit codes:
  0    a ping was answered
  1    the results could not be written
  2    wrong usage or a bad setting
  127  no ping was answered
  130  ^C before the pings asked for with -c were done
  With -n: 0 OK, 1 WARNING, 2 CRITICAL";

/// Ping web servers, as httping does, and show where the time goes
///
/// A ping is one request on a new connection, timed until the last byte of the answer. With several URLs each is
/// pinged in turn, and a table at the end compares them.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to ping; a URL without a scheme is taken as http
    #[arg(required = true, value_name = "URL")]
    pub urls: Vec<String>,

    /// Pings for each URL; without it they go on until ^C (with -n, 5)
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Timing")]
    pub count: Option<u64>,
    /// Pause between two pings: seconds, or with a unit as 500ms
    #[arg(short, long, value_name = "TIME", default_value = "1", value_parser = seconds, help_heading = "Timing")]
    pub interval: Duration,
    /// No pause at all
    #[arg(short, long, conflicts_with_all = ["interval", "aligned"], help_heading = "Timing")]
    pub flood: bool,
    /// Begin pings at multiples of the interval from the start, however long they take
    #[arg(long = "ai", visible_alias = "adaptive-interval", help_heading = "Timing")]
    pub aligned: bool,
    /// Give a ping up after this: seconds, or with a unit
    #[arg(short, long, value_name = "TIME", default_value = "30", value_parser = seconds, help_heading = "Timing")]
    pub timeout: Duration,

    /// GET instead of HEAD: the body is read as well
    #[arg(short = 'G', long = "get-request", conflicts_with = "method", help_heading = "Request")]
    pub get: bool,
    /// Any other method; httping has no such option, and its -X means something else
    #[arg(short = 'X', long, value_name = "METHOD", help_heading = "Request")]
    pub method: Option<String>,
    /// A header to add, as 'Name: value'; may be given again
    #[arg(short = 'H', long, value_name = "HEADER", value_parser = header, help_heading = "Request")]
    pub header: Vec<(String, String)>,
    /// A body to send, or with @ the name of a file with it; the method is then POST
    #[arg(long, value_name = "TEXT|@FILE", conflicts_with = "get", help_heading = "Request")]
    pub body: Option<String>,
    /// One connection for all pings of a URL (keep-alive); a C marks where a new one was needed
    #[arg(short = 'Q', long = "persistent-connections", help_heading = "Request")]
    pub keep_alive: bool,
    /// IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6", help_heading = "Request")]
    pub ipv4: bool,
    /// IPv6 only
    #[arg(short = '6', long, help_heading = "Request")]
    pub ipv6: bool,
    /// Resolve each name once, not for every ping
    #[arg(short, long, help_heading = "Request")]
    pub resolve_once: bool,
    /// Go on where the first ping cannot resolve the name
    #[arg(short = 'W', long = "retry-names", help_heading = "Request")]
    pub retry_names: bool,
    /// Take any certificate
    #[arg(short = 'k', long, help_heading = "Request")]
    pub insecure: bool,
    /// Status codes that count as ok; without it every answer does
    #[arg(short, long = "ok-result-codes", value_name = "CODE,..", value_delimiter = ',', help_heading = "Request")]
    pub ok_codes: Vec<u16>,

    /// Show the status of each answer
    #[arg(short = 's', long = "show-statuscodes", help_heading = "Output")]
    pub status: bool,
    /// Show where the time went: resolve + connect (+ TLS) + write + request + close
    #[arg(short = 'S', long = "split-time", help_heading = "Output")]
    pub split: bool,
    /// Put the time of day before each line; -v adds the date, -vv shows Unix time in µs
    #[arg(long = "ts", visible_alias = "timestamp", help_heading = "Output")]
    pub timestamps: bool,
    /// Say more: the standard deviation in the summary, the date in timestamps
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
    /// Colours, where the output is a terminal and NO_COLOR is not set
    #[arg(short = 'Y', long, help_heading = "Output")]
    pub colors: bool,
    /// A view that is drawn again and again: sparkline and histogram
    #[arg(long, group = "form", help_heading = "Output")]
    pub live: bool,
    /// No output, only the exit code
    #[arg(short, long, group = "form", help_heading = "Output")]
    pub quiet: bool,
    /// One time in milliseconds a line, for scripts; with -s the status code after it
    #[arg(short, long = "parseable-output", group = "form", help_heading = "Output")]
    pub machine: bool,
    /// JSON: an array of pings and, last, a summary for each URL
    #[arg(short = 'M', long, group = "form", help_heading = "Output")]
    pub json: bool,
    /// A Nagios check of the average time: milliseconds, or with a unit
    #[arg(short, long, value_name = "WARN,CRIT", group = "form", value_parser = limits, help_heading = "Output")]
    pub nagios: Option<(Duration, Duration)>,
}

impl Args {
    /// Says what is wrong with options that are each right by themselves.
    pub fn check(&self) -> Result<(), String> {
        if !self.flood && self.interval.is_zero() {
            return Err("an interval of zero is a flood; write -f for that".to_owned());
        }
        if self.verbose > 0 && (self.quiet || self.machine || self.json || self.nagios.is_some()) {
            return Err("-v asks for more words, and -q, -m, -M and -n for none; drop one".to_owned());
        }
        if let Some(code) = self.ok_codes.iter().find(|code| !(200..=599).contains(*code)) {
            return Err(format!("-o {code}: no answer has that status; codes go from 200 to 599"));
        }
        Ok(())
    }

    /// When the pings of a URL begin.
    pub fn pace(&self) -> Pace {
        match (self.flood, self.aligned) {
            (true, _) => Pace::Flood,
            (false, true) => Pace::Grid(self.interval),
            (false, false) => Pace::Pause(self.interval),
        }
    }

    /// How many pings each URL gets; none for no end.
    pub fn pings(&self) -> Option<u64> {
        // A check that never ends helps nobody.
        self.count.or(self.nagios.map(|_| 5))
    }

    /// What a probe sends.
    pub fn probe_options(&self) -> Result<Options, String> {
        let body = match self.body.as_deref().map(|body| (body, body.strip_prefix('@'))) {
            None => Vec::new(),
            Some((_, Some(file))) => std::fs::read(file).map_err(|error| format!("--body @{file}: {error}"))?,
            Some((text, None)) => text.as_bytes().to_vec(),
        };
        let method = match (&self.method, self.get, &self.body) {
            (Some(method), ..) => method.to_ascii_uppercase(),
            (None, true, _) => "GET".to_owned(),
            (None, false, Some(_)) => "POST".to_owned(),
            (None, false, None) => "HEAD".to_owned(),
        };
        Ok(Options {
            method,
            headers: self.header.clone(),
            body,
            timeout: self.timeout,
            family: match (self.ipv4, self.ipv6) {
                (true, _) => Family::V4,
                (_, true) => Family::V6,
                _ => Family::Any,
            },
            insecure: self.insecure,
            resolve_once: self.resolve_once,
        })
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as 'Name: value'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn limits(text: &str) -> Result<(Duration, Duration), String> {
    let (warn, crit) = text.split_once(',').ok_or("write two limits, as 100,500")?;
    let limit = |text: &str| match text.trim().parse::<f64>() {
        Ok(_) => seconds(&format!("{}ms", text.trim())),
        Err(_) => seconds(text.trim()),
    };
    let (warn, crit) = (limit(warn)?, limit(crit)?);
    if warn > crit {
        return Err("the warning's limit is over the critical one".to_owned());
    }
    Ok((warn, crit))
}
