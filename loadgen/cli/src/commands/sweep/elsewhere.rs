//! A sweep that is sent to where it sees what a client of the application sees: a task on its network, or a container.

use std::ffi::OsString;
use std::io::IsTerminal;

use anyhow::bail;
use recruit::remote::{Errand, Remote, SOCKET, Said};
use sweep::file::Found;
use sweep::run::Watcher;
use tokio_util::sync::CancellationToken;

use super::progress::Progress;
use super::told::Told;
use crate::commands::WrongUsage;

/// Where the errand goes.
pub enum Place<'a> {
    /// To the manager of a Swarm, on these networks.
    Swarm(&'a swarm::Swarm, &'a [String]),
    /// To an engine, on this network.
    Engine(&'a swarm::Engine, &'a str),
}

/// Options that are the sender's own; those with `true` take a value.
const HERE: [(&str, bool); 5] =
    [("--out", true), ("--docker-host", true), ("--image", true), ("--json", false), ("--force", false)];

/// Options that name a file of this machine.
const FILES: [&str; 3] = ["--body-file", "--cacert", "--token-file"];

/// Sends this very command to a place, follows it, and returns what it found.
pub async fn send(
    place: Place<'_>,
    changes: &str,
    image: Option<&str>,
    unit: &str,
    stop: &CancellationToken,
) -> anyhow::Result<Found> {
    let mut arguments = arguments(std::env::args_os().skip(1)).map_err(WrongUsage::new)?;
    arguments.extend(["--inside".to_owned(), format!("--docker-host=unix://{SOCKET}")]);
    arguments.extend(image.map(|image| format!("--image={image}")));
    let errand = Errand {
        arguments,
        environment: swarm::patience::passed_on().into_iter().collect(),
        image: image.map(str::to_owned),
        changes: changes.to_owned(),
    };
    let remote = match place {
        Place::Swarm(swarm, networks) => {
            anstream::eprintln!(
                "The sweep goes to a task on the application's own network, for the time that it takes."
            );
            Remote::on_swarm(swarm, &errand, networks).await?
        }
        Place::Engine(engine, network) => {
            anstream::eprintln!("The sweep goes to a container on the network {network}, for the time that it takes.");
            Remote::on_engine(engine, &errand, network).await?
        }
    };
    let mut heard =
        Heard { progress: Progress::new(std::io::stderr().is_terminal(), unit), found: None, said: Vec::new() };
    let code = remote.follow(stop, |said| heard.line(said)).await?;
    heard.progress.clear();
    // It waits until the task is gone.
    tokio::task::spawn_blocking(move || drop(remote)).await?;
    match heard.found {
        Some(found) => Ok(found),
        None => {
            let said = heard.said.join("\n");
            let said = said.trim_start_matches("loadgen: ").to_owned();
            if code == 2 {
                return Err(WrongUsage::new(said).into());
            }
            if said.is_empty() {
                bail!("the task that measures ended with exit code {code} and said nothing");
            }
            bail!(said)
        }
    }
}

/// What was heard so far.
struct Heard {
    progress: Progress,
    found: Option<Found>,
    said: Vec<String>,
}

impl Heard {
    fn line(&mut self, said: Said) {
        let line = match said {
            Said::Out(line) => line,
            Said::Err(line) => {
                self.said.push(line);
                return;
            }
        };
        match serde_json::from_str::<Told>(&line) {
            Ok(Told::Note(note)) => {
                self.progress.clear();
                anstream::eprintln!("{note}");
            }
            Ok(Told::Row(row, rows, what)) => self.progress.row(row, rows, &what),
            Ok(Told::Sample(outlook, sample)) => self.progress.sample(outlook, &sample),
            Ok(Told::Step(step, settings)) => self.progress.step(&step, &settings),
            Ok(Told::Trouble(error)) => self.progress.trouble(&sweep::platform::Error(error)),
            Ok(Told::Sweep(sweep)) => self.found = Some(Found::Sweep(sweep)),
            Ok(Told::Grid(grid)) => self.found = Some(Found::Grid(*grid)),
            // Another version of the program, which the image named by hand may hold.
            Err(_) => self.said.push(line),
        }
    }
}

/// The arguments of this process as its errand has them.
fn arguments(own: impl Iterator<Item = OsString>) -> Result<Vec<String>, String> {
    let mut kept = Vec::new();
    let mut own = own.map(|argument| argument.into_string().map_err(|text| format!("{} is no text", text.display())));
    while let Some(argument) = own.next().transpose()? {
        let name = argument.split('=').next().unwrap_or_default();
        if FILES.contains(&name) {
            return Err(format!(
                "{name} names a file of this machine, and the requests are sent from a task of the application's network: give \
                 what is in it on the command line"
            ));
        }
        match HERE.iter().find(|(here, _)| *here == name) {
            Some((_, true)) if !argument.contains('=') => drop(own.next()),
            Some(_) => {}
            None => kept.push(argument),
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Result<Vec<String>, String> {
        arguments(words.iter().map(OsString::from))
    }

    #[test]
    fn what_concerns_this_machine_alone_stays_here() {
        let words =
            ["sweep", "--platform", "swarm", "--out", "x", "--workers=1..3", "--out=y", "--json", "--docker-host", "h"];
        assert_eq!(of(&words), Ok(["sweep", "--platform", "swarm", "--workers=1..3"].map(str::to_owned).into()));
        assert!(of(&["sweep", "--body-file", "x"]).expect_err("a file").contains("a file of this machine"));
        assert!(of(&["sweep", "--cacert=x"]).is_err());
    }

    #[test]
    fn what_was_told_is_heard_as_it_was() {
        let mut heard = Heard { progress: Progress::new(false, "requests/s"), found: None, said: Vec::new() };
        heard.line(Said::Out(serde_json::to_string(&Told::Note("here".into())).expect("written")));
        heard.line(Said::Err("loadgen: no".into()));
        assert_eq!((heard.said.len(), heard.found.is_none()), (1, true));
        let file = include_str!("../../../../sweep/schema/example.json");
        let sweep: sweep::result::Sweep = serde_json::from_str(file).expect("an example");
        let told = serde_json::to_string(&Told::Sweep(Box::new(sweep))).expect("written");
        heard.line(Said::Out(told));
        let Some(Found::Sweep(sweep)) = heard.found else { panic!("it was told") };
        let example: serde_json::Value = serde_json::from_str(file).expect("JSON");
        assert_eq!(sweep.steps.len(), example["steps"].as_array().expect("steps").len());
    }
}
