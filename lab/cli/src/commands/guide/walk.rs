//! The student's way through a lab.

use std::process::ExitCode;

use ::guide::lab::{Lab, On, Part};
use ::guide::place::Place;
use ::guide::state::{self, Position, Progress};
use ::guide::{author, labs, reset};

use super::keys::{self, Key, Typed, interactive, prompt};
use super::session::Session;
use super::{Nodes, Syllabus};

/// Exit code of a check that does not pass.
const NOT_DONE: u8 = 3;

/// Begin a lab: makes its beginning and shows the first step
#[derive(Debug, clap::Args)]
pub struct Start {
    /// The lab, as `web/2` or `web/one-door`; a number alone is one of the first track, coins
    lab: String,
    /// Go on without asking, on machines of their own
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    nodes: Nodes,
}

/// Options of what is done at the current step.
#[derive(Debug, clap::Args)]
pub struct Here {
    #[command(flatten)]
    nodes: Nodes,
}

/// Options of a check.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// Look again until it holds, for so many seconds at most
    #[arg(
        long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "60",
        value_parser = clap::value_parser!(u64).range(..=crate::commands::wait::LONGEST)
    )]
    wait: Option<u64>,
    #[command(flatten)]
    nodes: Nodes,
    #[command(flatten)]
    syllabus: Syllabus,
}

/// Options of a walk.
#[derive(Debug, clap::Args)]
pub struct Run {
    #[command(flatten)]
    nodes: Nodes,
    #[command(flatten)]
    syllabus: Syllabus,
}

/// Answer the question of the current step
#[derive(Debug, clap::Args)]
pub struct Answer {
    /// The letter of the choice, or the word or number that is asked for
    #[arg(allow_hyphen_values = true)]
    word: String,
    #[command(flatten)]
    nodes: Nodes,
}

/// Back to the beginning of the current lab, or of one of its steps, from any state
#[derive(Debug, clap::Args)]
pub struct Reset {
    /// Do the steps before this one by their solutions
    #[arg(long, value_name = "N")]
    step: Option<usize>,
    /// Go on without asking, on machines of their own
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    nodes: Nodes,
}

/// Begin a lab.
pub async fn start(args: Start) -> anyhow::Result<ExitCode> {
    let lab = labs::one(&args.lab)?;
    let place = Place::find(&args.nodes.cluster).await?;
    if !consent(&place, args.yes).await? {
        return Ok(ExitCode::FAILURE);
    }
    begin(&place, &lab).await?;
    let at = Position { lab: lab.id(), step: 1 };
    Progress::change(&state::path()?, |progress| {
        let record = progress.labs.entry(lab.id()).or_default();
        record.started = state::now();
        record.starts += 1;
        progress.begin_again(&at);
    })?;
    let session = Session::at(&args.nodes, at).await?;
    session.begin(true).await?;
    session.show(&session.facts().await?.text(&lab.intro)?);
    anstream::println!("`lab run` walks the first step with you; `lab next` only shows it.");
    Ok(ExitCode::SUCCESS)
}

async fn begin(place: &Place, lab: &Lab) -> anyhow::Result<()> {
    anstream::eprintln!("{}: {}", lab.name(), lab.title);
    let cleared = reset::clears(place).await?;
    for (node, things) in &cleared {
        anstream::eprint!(
            "{}",
            guide::render::message("  ", &format!("removes from {node}: {things}"), super::style())
        );
    }
    if !cleared.is_empty() {
        anstream::eprintln!("  keeps images, and your answers and passed steps");
    }
    reset::begin(place, &lab.start, &|line| anstream::eprintln!("  {line}")).await
}

/// On machines of their own, others may be using the swarm that is left.
async fn consent(place: &Place, yes: bool) -> anyhow::Result<bool> {
    if yes || place.cluster().is_some() {
        return Ok(true);
    }
    let removed = reset::removes(place).await?;
    anstream::println!("This makes all machines leave their swarm, with whatever runs in it. What else is removed:");
    for (machine, things) in &removed {
        let things = if things.is_empty() { "nothing".to_owned() } else { things.join(", ") };
        anstream::println!("  {machine}: {things}");
    }
    anstream::println!("Volumes and folders that were there before the first lab stay.");
    let go_on = prompt("Go on? [y/N] ")?.as_deref() == Some("y");
    if !go_on {
        anstream::eprintln!("nothing was changed; --yes goes on without asking");
    }
    Ok(go_on)
}

/// Shows the current step.
pub async fn next(args: Here) -> anyhow::Result<ExitCode> {
    let session = Session::current(&args.nodes).await?;
    session.begin(false).await?;
    session.show_question().await?;
    session.show_task().await?;
    let predicted = session.predicted()?;
    if predicted {
        session.show_observe().await?;
    }
    let then = match (predicted, &session.step().question, &session.step().ask) {
        (false, ..) => "Then: `lab answer LETTER`; after that `lab next` shows what to observe",
        (true, Some(_), Some(_)) => "Then: `lab answer LETTER`, `lab answer WORD`, `lab check`",
        (true, Some(_), None) => "Then: `lab answer LETTER`, `lab check`",
        (true, None, Some(_)) => "Then: `lab answer WORD`, `lab check`",
        (true, None, None) => "Then: `lab check`",
    };
    let then = format!("{then}. Stuck: `lab hint`, `lab solution`.");
    anstream::print!("{}", guide::render::markdown(&then, session.style));
    Ok(ExitCode::SUCCESS)
}

/// The current step, where it was shown. Whoever goes on as if the step that has just passed were the current one is told so: else a second look would be at a step that was
/// never shown, and an answer would be given to its question.
async fn at_a_step_that_was_shown(nodes: &Nodes) -> anyhow::Result<Option<Session>> {
    let session = Session::current(nodes).await?;
    let Some(done) = session.just_passed()? else { return Ok(Some(session)) };
    anstream::println!("Step {done} is done. `lab next` shows step {}, which is the current one now.", session.at.step);
    Ok(None)
}

/// Checks the current step.
pub async fn check(args: Check) -> anyhow::Result<ExitCode> {
    let Some(mut session) = at_a_step_that_was_shown(&args.nodes).await? else { return Ok(ExitCode::from(NOT_DONE)) };
    let passed = session.check(args.wait.map(std::time::Duration::from_secs)).await?;
    if passed && session.lacking().await?.is_none() {
        // Asked for now, it would be that of the next step.
        anstream::println!();
        session.show_solution(false).await?;
    }
    conclude(&session, passed, &args.syllabus)
}

fn conclude(session: &Session, passed: bool, syllabus: &Syllabus) -> anyhow::Result<ExitCode> {
    let last = session.at.step == session.lab.steps.len();
    match (passed, last) {
        (true, true) => {
            let next = syllabus.next(&session.lab)?;
            let then = next.map(|next| format!("; `lab start {}` goes on", next.name())).unwrap_or_default();
            anstream::println!("{} is done{then}.", session.lab.name());
        }
        (true, false) => anstream::println!("Step {} is done; `lab run` or `lab next` goes on.", session.at.step),
        (false, _) => anstream::println!("Not done yet. `lab hint` helps, `lab check` looks again."),
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(NOT_DONE) })
}

/// Shows the hint.
pub async fn hint(args: Here) -> anyhow::Result<ExitCode> {
    let Some(session) = at_a_step_that_was_shown(&args.nodes).await? else { return Ok(ExitCode::from(NOT_DONE)) };
    session.show_hint().await?;
    Ok(ExitCode::SUCCESS)
}

/// Shows the solution.
pub async fn solution(args: Here) -> anyhow::Result<ExitCode> {
    let Some(session) = at_a_step_that_was_shown(&args.nodes).await? else { return Ok(ExitCode::from(NOT_DONE)) };
    session.show_solution(true).await?;
    Ok(ExitCode::SUCCESS)
}

/// Takes an answer.
pub async fn answer(args: Answer) -> anyhow::Result<ExitCode> {
    let Some(session) = at_a_step_that_was_shown(&args.nodes).await? else { return Ok(ExitCode::from(NOT_DONE)) };
    let predicted = session.predicted()?;
    session.give(&args.word)?;
    let observe = if predicted { "" } else { "`lab next` shows now what to observe, " };
    anstream::println!("noted: {}. {observe}`lab check` says whether it is right.", args.word);
    Ok(ExitCode::SUCCESS)
}

/// Back to the lab's beginning.
pub async fn reset(args: Reset) -> anyhow::Result<ExitCode> {
    let session = Session::current(&args.nodes).await?;
    if !consent(&session.place, args.yes).await? {
        return Ok(ExitCode::FAILURE);
    }
    let to = args.step.unwrap_or(1);
    anyhow::ensure!(
        (1..=session.lab.steps.len()).contains(&to),
        "{} has no step {to}; it has 1 to {}",
        session.lab.name(),
        session.lab.steps.len()
    );
    begin(&session.place, &session.lab).await?;
    for step in &session.lab.steps[..to - 1] {
        anstream::eprintln!("  step {}: {}", step.number, step.title);
        author::replay(&session.place, step).await?;
    }
    let at = Position { step: to, ..session.at.clone() };
    Progress::change(&state::path()?, |progress| progress.begin_again(&at))?;
    Session::at(&args.nodes, at).await?.begin(true).await?;
    let where_to = if to == 1 { "its beginning".to_owned() } else { format!("the beginning of step {to}") };
    anstream::println!("{} is at {where_to}; what you have passed stays on record", session.lab.name());
    Ok(ExitCode::SUCCESS)
}

/// Walks steps with the student, from the current one on.
pub async fn run(args: Run) -> anyhow::Result<ExitCode> {
    loop {
        let mut session = Session::current(&args.nodes).await?;
        session.keys = interactive();
        let at = session.at.clone();
        if !walk(&mut session).await? {
            return Ok(ExitCode::from(NOT_DONE));
        }
        let over = at.step == session.lab.steps.len();
        if over || !interactive() {
            return conclude(&session, true, &args.syllabus);
        }
        match keys::choose(&[("", "next step"), QUIT])? {
            Some(Typed::Key("")) => anstream::println!(),
            _ => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// One step: question, commands, checks. Returns whether it passed.
async fn walk(session: &mut Session) -> anyhow::Result<bool> {
    session.begin(false).await?;
    if let Some(reason) = session.lacking().await? {
        anstream::println!("{}: {} is skipped: {reason}", session.lab.name(), session.step().title);
        return session.check(None).await;
    }
    session.show_question().await?;
    if session.step().question.is_some() && !predict(session)? {
        return Ok(false);
    }
    anstream::println!("{}", guide::render::heading("Do", session.style));
    let task = session.step().task.clone();
    let mut by_hand = true;
    for part in &task {
        // What is filled in may come of the commands before it, as the token of a swarm that they make.
        let parts = session.facts().await?.parts(std::slice::from_ref(part))?;
        let Some(part) = parts.first() else { continue };
        by_hand &= !matches!(part, Part::Commands(_));
        session.show_parts(std::slice::from_ref(part));
        if let Part::Commands(block) = part {
            match keys::choose(&DO)? {
                Some(Typed::Key("")) => session.shell(&block.on).await?,
                Some(Typed::Key("k")) => {}
                None if interactive() => return Ok(false),
                Some(Typed::Key("r")) | None => {
                    session.record(|step| step.ran += 1)?;
                    let code = session.run_block(block).await?;
                    if code != 0 {
                        anstream::println!("(it ended with exit code {code})");
                    }
                    anstream::println!();
                }
                Some(_) => return Ok(false),
            }
        }
    }
    if by_hand && interactive() {
        session.shell(&head()).await?;
    }
    session.show_observe().await?;
    verify(session).await
}

fn predict(session: &Session) -> anyhow::Result<bool> {
    ask(session, "Your prediction (a letter; [q] quit): ")
}

/// Asks until there is an answer; whether to go on.
fn ask(session: &Session, text: &str) -> anyhow::Result<bool> {
    loop {
        let Some(line) = prompt(text)? else {
            // Without a terminal what was answered before counts; ^D is a wish to leave.
            return Ok(!interactive());
        };
        match line.as_str() {
            "q" => return Ok(false),
            "" => {}
            line => match keys::answer(line).and_then(|word| session.give(word)) {
                Ok(()) => return Ok(true),
                Err(error) => {
                    cluster::terminal::forget_typed();
                    anstream::println!("{error}");
                }
            },
        }
    }
}

const QUIT: Key = ("q", "quit");
const COMMANDS: Key = ("c", "commands");
const SHELL: Key = ("s", "shell");
const HINT: Key = ("h", "hint");

/// What can be done with a block of commands.
const DO: [Key; 4] = [("", "type it in a shell"), ("r", "run it for me"), ("k", "typed elsewhere"), QUIT];
/// What can be done before a check, and after one that did not pass.
const CHECK: [Key; 5] = [("", "check"), COMMANDS, SHELL, HINT, QUIT];
const AGAIN: [Key; 7] = [("", "check again"), ("a", "answer"), COMMANDS, SHELL, HINT, ("v", "solution"), QUIT];

/// Does what keys ask for until it is time to check; whether it is.
async fn ready(session: &Session, keys: &[Key]) -> anyhow::Result<bool> {
    loop {
        match keys::choose(keys)? {
            Some(Typed::Key("")) => return Ok(true),
            Some(Typed::Key("a")) => {
                session.show_asked().await?;
                return ask(session, "Your answer ([q] quit): ");
            }
            Some(Typed::Answer(word)) => match session.give(&word) {
                Ok(()) => return Ok(true),
                Err(error) => anstream::println!("{error}"),
            },
            Some(Typed::Key("c")) => session.show_task().await?,
            Some(Typed::Key("s")) => session.shell(&head()).await?,
            Some(Typed::Key("h")) => session.show_hint().await?,
            Some(Typed::Key("v")) => session.show_solution(true).await?,
            _ => return Ok(false),
        }
    }
}

/// Checks until they pass or the student has had enough.
async fn verify(session: &mut Session) -> anyhow::Result<bool> {
    if session.step().ask.is_some() && !ask(session, "Your answer ([q] quit): ")? {
        return Ok(false);
    }
    if interactive() && !ready(session, &CHECK).await? {
        return Ok(false);
    }
    loop {
        if session.check(None).await? {
            anstream::println!();
            session.show_solution(false).await?;
            cluster::terminal::forget_typed();
            return Ok(true);
        }
        // What was typed while it looked was typed to nobody.
        cluster::terminal::forget_typed();
        let asked = session.step().question.is_some() || session.step().ask.is_some();
        let keys: Vec<Key> = AGAIN.into_iter().filter(|(key, _)| asked || *key != "a").collect();
        if !ready(session, &keys).await? {
            return Ok(false);
        }
    }
}

/// Where most is done.
fn head() -> On {
    On::Node("head".to_owned())
}
