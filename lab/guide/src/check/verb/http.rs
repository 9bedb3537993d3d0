//! An HTTP request, or several, and what must be the same or different in the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use async_trait::async_trait;
use serde_json::Value;

use crate::check::compare::{self, Demand};
use crate::check::http::{self, Answer, Request};
use crate::check::path::Path;
use crate::check::{Args, Finding, Look, Scene, Verb};

use super::run::brief;
use super::{counted, node};

/// `http`
pub const HTTP: Verb = Verb {
    form: "http NODE|each:PORT/PATH [times N] [cookies] [host NAME] [send \"Name: value\"] [method M] [data T] [upgrade] [refused] [status N] [SUBJECT is V|holds T|...] [same SUBJECT] [different SUBJECT N] [within MS]",
    about: "An HTTP request is answered so; status 200 unless told otherwise (101 with `upgrade`, a websocket). `times N`: N requests, each on a new connection; `cookies`: cookies that were set are sent back; `each`: N to every node. SUBJECT: body, status, header NAME, json PATH. `different body 2`: at least 2 different ones. `refused`: no connection, or no answer. `within MS`: each answer within so many milliseconds.",
    example: "http head:8000/whoami times 20 cookies same json .task else \"Set the cookie.\"",
    generic: true,
    holds_at_first: false,
    read,
};

/// What of an answer is looked at.
#[derive(Debug, Clone)]
enum Subject {
    Body,
    Status,
    Header(String),
    Json(Path),
}

impl Subject {
    fn read(args: &mut Args) -> Result<Option<Subject>, String> {
        Ok(Some(match args.peek() {
            Some("body") => {
                args.expect("body")?;
                Subject::Body
            }
            Some("header") => {
                args.expect("header")?;
                Subject::Header(args.text("NAME")?)
            }
            Some("json") => {
                args.expect("json")?;
                Subject::Json(Path::read(&args.text("PATH")?)?)
            }
            _ => return Ok(None),
        }))
    }

    fn of(&self, answer: &Answer) -> String {
        match self {
            Subject::Body => answer.body.trim().to_owned(),
            Subject::Status => answer.status.to_string(),
            Subject::Header(name) => answer.header(name).unwrap_or_default().to_owned(),
            Subject::Json(path) => {
                serde_json::from_str::<Value>(&answer.body).map(|value| path.find(&value)).unwrap_or_default()
            }
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subject::Body => write!(f, "the answer"),
            Subject::Status => write!(f, "the status"),
            Subject::Header(name) => write!(f, "the header {name}"),
            Subject::Json(path) => write!(f, "{path} of the answer"),
        }
    }
}

#[derive(Debug)]
struct Http {
    node: String,
    port: u16,
    request: Request,
    times: usize,
    cookies: bool,
    refused: bool,
    status: u16,
    demands: Vec<(Subject, Vec<Demand>)>,
    same: Vec<Subject>,
    different: Vec<(Subject, usize)>,
    within: Option<Duration>,
}

fn read(args: &mut Args) -> Result<Box<dyn Look>, String> {
    let (node, port, path) = http::split(&args.text("NODE:PORT/PATH")?)?;
    let request = Request { method: "GET".to_owned(), path, headers: Vec::new(), body: String::new(), upgrade: false };
    let mut http = Http {
        node,
        port,
        request,
        times: 1,
        cookies: false,
        refused: false,
        status: 200,
        demands: Vec::new(),
        same: Vec::new(),
        different: Vec::new(),
        within: None,
    };
    let subject = |args: &mut Args| match args.takes("status") {
        true => Ok(Subject::Status),
        false => Subject::read(args)?.ok_or_else(|| "of what? body, status, header NAME or json PATH".to_owned()),
    };
    while let Some(word) = args.peek().map(str::to_owned) {
        if let Some(subject) = Subject::read(args)? {
            http.demands.push((subject, compare::some(args)?));
            continue;
        }
        match word.as_str() {
            "times" | "cookies" | "host" | "send" | "method" | "data" | "upgrade" | "refused" | "status" | "same"
            | "different" | "within" => args.expect(&word)?,
            _ => break,
        }
        match word.as_str() {
            "times" => http.times = args.whole("N")?.max(1),
            "cookies" => http.cookies = true,
            "host" => http.request.headers.push(format!("Host: {}", args.text("NAME")?)),
            "send" => http.request.headers.push(args.text("HEADER")?),
            "method" => http.request.method = args.text("M")?,
            "data" => http.request.body = args.text("T")?,
            "upgrade" => (http.request.upgrade, http.status) = (true, 101),
            "refused" => http.refused = true,
            "status" => http.status = args.port("N")?,
            "same" => http.same.push(subject(args)?),
            "different" => http.different.push((subject(args)?, args.whole("N")?)),
            _ => http.within = Some(Duration::from_secs_f64(args.number("MS")? / 1e3)),
        }
    }
    if (!http.same.is_empty() || !http.different.is_empty()) && http.times == 1 && http.node != "each" {
        return Err("`same` and `different` compare several answers: `times N`".to_owned());
    }
    Ok(Box::new(http))
}

impl Http {
    /// Asks so many times; cookies of one answer go with the next request.
    async fn ask(&self, address: &str) -> Result<Vec<(Answer, Duration)>> {
        let mut jar: BTreeMap<String, String> = BTreeMap::new();
        let mut answers = Vec::new();
        for _ in 0..self.times {
            let mut request = self.request.clone();
            if !jar.is_empty() {
                let pairs: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
                request.headers.push(format!("Cookie: {}", pairs.join("; ")));
            }
            let begun = Instant::now();
            let answer = request.send(address, self.port).await?;
            let set = answer.headers.iter().filter(|(name, _)| self.cookies && name == "set-cookie");
            for (name, value) in set.filter_map(|(_, set)| set.split(';').next()?.split_once('=')) {
                jar.insert(name.trim().to_owned(), value.trim().to_owned());
            }
            answers.push((answer, begun.elapsed()));
        }
        Ok(answers)
    }

    /// What is wrong with the answers.
    fn wrong(&self, answers: &[(String, Answer, Duration)]) -> Option<String> {
        for (name, answer, took) in answers {
            if answer.status != self.status {
                return Some(format!("{name}:{} answers with status {}", self.port, answer.status));
            }
            for (subject, demands) in &self.demands {
                let value = subject.of(answer);
                if !demands.iter().all(|demand| demand.met(&value)) {
                    let is =
                        if value.is_empty() { "is not there".to_owned() } else { format!("is `{}`", brief(&value)) };
                    return Some(format!("{subject} of {name}:{} {is}", self.port));
                }
            }
            if let Some(within) = self.within.filter(|within| took > within) {
                return Some(format!("an answer took {} ms, more than {}", took.as_millis(), within.as_millis()));
            }
        }
        let seen = |subject: &Subject| answers.iter().map(|(_, answer, _)| subject.of(answer)).collect::<BTreeSet<_>>();
        for subject in &self.same {
            let seen = seen(subject);
            if seen.len() > 1 || seen.contains("") {
                return Some(format!("{subject} is not the same in {} answers: {}", answers.len(), list(&seen)));
            }
        }
        for (subject, wanted) in &self.different {
            let seen = seen(subject);
            if seen.len() < *wanted {
                return Some(format!("{subject} is the same too often in {} answers: {}", answers.len(), list(&seen)));
            }
        }
        None
    }
}

fn list(seen: &BTreeSet<String>) -> String {
    brief(&seen.iter().map(|text| if text.is_empty() { "nothing" } else { text }).collect::<Vec<_>>().join(", "))
}

#[async_trait]
impl Look for Http {
    fn what(&self) -> String {
        let at = format!("{}:{}{}", node(&self.node), self.port, self.request.path);
        let mut more: Vec<String> = Vec::new();
        if self.status != 200 && !self.refused {
            more.push(format!("with {}", self.status));
        }
        more.extend(self.demands.iter().map(|(subject, demands)| format!("{subject} {}", compare::words(demands))));
        more.extend(self.same.iter().map(|subject| format!("{subject} stays the same, {} times", self.times)));
        more.extend(self.different.iter().map(|(subject, n)| format!("{subject} takes {n} values or more")));
        let verb = if self.refused { "does not answer" } else { "answers" };
        if more.is_empty() { format!("{at} {verb}") } else { format!("{at} {verb}: {}", more.join("; ")) }
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let mut answers = Vec::new();
        for (name, address) in http::addresses(scene.place, &self.node).await? {
            match self.ask(&address).await {
                Ok(more) => answers.extend(more.into_iter().map(|(answer, took)| (name.clone(), answer, took))),
                Err(_) if self.refused => {}
                Err(error) => return Ok(Finding::no(format!("{name}:{} does not answer ({error:#})", self.port))),
            }
        }
        if self.refused {
            let names: BTreeSet<&str> = answers.iter().map(|(name, ..)| name.as_str()).collect();
            let names: Vec<&str> = names.into_iter().collect();
            return Ok(Finding::when(names.is_empty(), "nothing answers", format!("{} answers", names.join(", "))));
        }
        let shown = self.same.iter().chain(self.different.iter().map(|(subject, _)| subject)).next();
        let seen = shown.map_or_else(
            || counted(answers.len(), "answer"),
            |subject| list(&answers.iter().map(|(_, answer, _)| subject.of(answer)).collect()),
        );
        Ok(self.wrong(&answers).map_or_else(|| Finding::yes(seen), Finding::no))
    }

    fn bound(&self) -> Duration {
        // Each request has its own bound; so many of them, and one node that is gone, are waited for.
        http::ANSWER_WITHIN * u32::try_from(self.times.min(20)).unwrap_or(20) + Duration::from_secs(10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Check;

    fn answer(body: &str) -> (String, Answer, Duration) {
        let answer = Answer { status: 200, headers: Vec::new(), body: body.to_owned() };
        ("head".to_owned(), answer, Duration::from_millis(1))
    }

    fn http(text: &str) -> Http {
        let mut http = Http {
            node: "head".into(),
            port: 80,
            request: Request {
                method: "GET".into(),
                path: "/".into(),
                headers: vec![],
                body: String::new(),
                upgrade: false,
            },
            times: 2,
            cookies: false,
            refused: false,
            status: 200,
            demands: Vec::new(),
            same: Vec::new(),
            different: Vec::new(),
            within: None,
        };
        match text {
            "same" => http.same.push(Subject::Json(Path::read(".t").unwrap())),
            _ => http.different.push((Subject::Body, 2)),
        }
        http
    }

    #[test]
    fn answers_are_compared_with_one_another() {
        let (one, other) = (r#"{"t": 1}"#, r#"{"t": 2}"#);
        assert_eq!(http("same").wrong(&[answer(one), answer(one)]), None);
        assert!(http("same").wrong(&[answer(one), answer(other)]).unwrap().contains("not the same"));
        // Nothing at all is the same each time, and proves nothing.
        assert!(http("same").wrong(&[answer("x"), answer("x")]).is_some());
        assert_eq!(http("different").wrong(&[answer("x"), answer("y")]), None);
        assert!(http("different").wrong(&[answer("x"), answer("x")]).unwrap().contains("the same too often"));
    }

    #[test]
    fn one_answer_cannot_be_compared() {
        let error = Check::read("http head:80/ same body else \"x\"", &[]).unwrap_err();
        assert!(error.contains("times N"), "{error}");
    }
}
