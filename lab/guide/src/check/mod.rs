//! Checks: what must hold when a step is done, each with a sentence for the student when it does not.

mod compose;
mod http;
mod measure;
mod read;
mod swarm;

use std::time::Duration;

pub(crate) use http::get;

use crate::place::Place;
use crate::state::Measured;

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Assertion {
    /// The step's question is answered rightly.
    Answer(char),
    /// So many containers of a compose service run.
    ComposeRunning(String, usize),
    /// The application was stopped, and runs again.
    ComposeRestarted,
    /// Nothing is left of the application by compose.
    ComposeGone,
    /// From inside the first compose service, the name of the second leads to it.
    Resolves(String, String),
    /// Nothing listens on these ports of head.
    PortsFree(Vec<u16>),
    /// A path on a port of a node answers with 200.
    HttpOk(String, u16, String),
    /// The same on every node.
    HttpOkEverywhere(u16, String),
    /// The count of hashes grows.
    CounterMoves,
    /// The application's containers on head use less than so much of one processor, in percent.
    CpuUnder(f64),
    /// So many hashes a second, within so many percent.
    Rate(f64, f64),
    /// The first port of head takes so many times longer to answer than the second.
    Slower(u16, u16, f64),
    /// The engine of head manages a swarm.
    SwarmActive,
    /// The managers listen on this port.
    SwarmPort(u16),
    /// Nodes are in the swarm by their private addresses.
    PrivateAddresses,
    /// So many nodes are Ready.
    NodesReady(usize),
    /// So many nodes are managers.
    Managers(usize),
    /// A service has so many replicas, and all run.
    Running(String, u32),
    /// A service has a running task on each node.
    Global(String),
    /// There is no such service.
    NoService(String),
    /// The tasks of a service are spread over the nodes.
    Spread(String),
    /// A volume is mounted into a service's tasks.
    Mounted(String, String),
    /// The registry answers on every node.
    CatalogEverywhere,
    /// The registry has a repository with a tag.
    CatalogHas(String, String),
    /// A node has an image.
    ImageOn(String, String),
    /// There is an overlay network that containers can be attached to.
    Overlay(String),
    /// There is no such network.
    NoNetwork(String),
    /// A task of a service has failed, and another took its place.
    Replaced(String),
    /// `lab tasks` and `docker service ps` say the same of a service.
    TasksTable(String),
    /// All tasks of a service run an image that has this in its name.
    RunsImage(String, String),
    /// The last update of a service ended so.
    Updated(String, String),
    /// A node is in this state.
    NodeState(String, String),
    /// A node has this availability.
    Availability(String, String),
    /// No task of a service runs on a node.
    NoneOn(String, String),
    /// A task of a service runs on a node.
    SomeOn(String, String),
    /// A stack has so many services.
    Stack(String, usize),
}

/// What a check looks at.
#[derive(Debug)]
pub struct Scene<'a> {
    /// Where the lab runs.
    pub place: &'a Place,
    /// The student's answer to the step's question.
    pub answer: Option<char>,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Whether it holds.
    pub holds: bool,
    /// What was seen, in a sentence; where it does not hold, with what to do.
    pub said: String,
    /// What was measured, where something was.
    pub measured: Option<Measured>,
}

impl Finding {
    /// It holds.
    pub fn yes(said: impl Into<String>) -> Finding {
        Finding { holds: true, said: said.into(), measured: None }
    }

    /// It does not.
    pub fn no(said: impl Into<String>) -> Finding {
        Finding { holds: false, said: said.into(), measured: None }
    }

    /// Holds if the condition does.
    pub fn when(holds: bool, yes: impl Into<String>, no: impl Into<String>) -> Finding {
        if holds { Finding::yes(yes) } else { Finding::no(no) }
    }
}

/// Pause between two looks at something that is still on its way.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Assertion {
    /// Whether this is about what the student answered.
    pub fn is_answer(&self) -> bool {
        matches!(self, Assertion::Answer(_))
    }

    /// Looks until it holds, for so long at most. Nothing is changed by looking.
    pub async fn look(&self, scene: &Scene<'_>, within: Duration) -> Finding {
        let begun = tokio::time::Instant::now();
        loop {
            let found = match self.once(scene).await {
                Ok(finding) => finding,
                // An engine that does not answer or is in no swarm is a finding: the error says what to do.
                Err(error) => Finding::no(format!("{error:#}")),
            };
            if found.holds || self.is_answer() || begun.elapsed() >= within {
                return found;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn once(&self, scene: &Scene<'_>) -> anyhow::Result<Finding> {
        let place = scene.place;
        match self {
            Assertion::Answer(right) => Ok(answer(*right, scene.answer)),
            Assertion::ComposeRunning(service, n) => compose::running(place, service, *n).await,
            Assertion::ComposeRestarted => compose::restarted(place).await,
            Assertion::ComposeGone => compose::gone(place).await,
            Assertion::Resolves(from, name) => compose::resolves(place, from, name).await,
            Assertion::PortsFree(ports) => http::ports_free(place, ports).await,
            Assertion::HttpOk(node, port, path) => http::ok(place, node, *port, path).await,
            Assertion::HttpOkEverywhere(port, path) => http::ok_everywhere(place, *port, path).await,
            Assertion::CounterMoves => measure::counter_moves(place).await,
            Assertion::CpuUnder(percent) => measure::cpu_under(place, *percent).await,
            Assertion::Rate(rate, percent) => measure::rate(place, *rate, *percent).await,
            Assertion::Slower(slow, fast, factor) => measure::slower(place, *slow, *fast, *factor).await,
            Assertion::CatalogEverywhere => http::catalog_everywhere(place).await,
            Assertion::CatalogHas(repository, tag) => http::catalog_has(place, repository, tag).await,
            Assertion::ImageOn(node, image) => swarm::image_on(place, node, image).await,
            Assertion::SwarmPort(port) => swarm::port(place, *port).await,
            other => swarm::look(place, other).await,
        }
    }
}

fn answer(right: char, given: Option<char>) -> Finding {
    match given {
        Some(given) if given == right => Finding::yes(format!("{given} is right")),
        Some(given) => Finding::no(format!(
            "{given} is not it. Look again at what the commands show, then answer anew: `lab answer LETTER`"
        )),
        None => Finding::no("the question is not answered yet: `lab answer LETTER`"),
    }
}
