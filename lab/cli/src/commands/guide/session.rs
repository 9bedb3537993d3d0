//! What the commands of a student share: the place, the labs, and the progress.

use std::path::PathBuf;

use ::guide::check::{Finding, Scene};
use ::guide::facts::Facts;
use ::guide::lab::{Lab, Part, Step};
use ::guide::need::Need;
use ::guide::place::Place;
use ::guide::render::{self, Style};
use ::guide::state::{self, Position, Progress, StepProgress};
use ::guide::{author, labs, shuffle};
use anyhow::{Context as _, bail};
use swarm::patient;

use super::Nodes;

/// How long a check waits for what is still on its way.
const SETTLES_WITHIN: std::time::Duration = std::time::Duration::from_secs(8);

/// A student at a step of a lab.
pub struct Session {
    pub place: Place,
    pub lab: Lab,
    pub at: Position,
    pub style: Style,
    /// Answers are given by a key, as in a walk, and not by a command.
    pub keys: bool,
    file: PathBuf,
}

impl Session {
    /// The step that is next.
    pub async fn current(nodes: &Nodes) -> anyhow::Result<Session> {
        let file = state::path()?;
        let Some(at) = Progress::load(&file)?.current else {
            bail!("no lab is started\n  `lab list` shows them, `lab start 1` begins with the first");
        };
        Session::at(nodes, at).await
    }

    /// A step by its place.
    pub async fn at(nodes: &Nodes, at: Position) -> anyhow::Result<Session> {
        let place = Place::find(&nodes.cluster).await?;
        let lab = labs::one(&at.lab)?;
        if lab.steps.get(at.step.wrapping_sub(1)).is_none() {
            bail!("{} has no step {}; it has 1 to {}", lab.name(), at.step, lab.steps.len());
        }
        Ok(Session { place, lab, at, style: super::style(), keys: false, file: state::path()? })
    }

    pub fn step(&self) -> &Step {
        &self.lab.steps[self.at.step - 1]
    }

    pub async fn facts(&self) -> anyhow::Result<Facts> {
        Facts::gather(&self.place).await
    }

    /// Changes what is kept of this step, on the disk before this returns.
    pub fn record(&self, change: impl FnOnce(&mut StepProgress)) -> anyhow::Result<()> {
        self.change(|progress, at| change(progress.step(at)))
    }

    fn change(&self, change: impl FnOnce(&mut Progress, &Position)) -> anyhow::Result<()> {
        Progress::change(&self.file, |progress| change(progress, &self.at)).map(drop)
    }

    /// What is kept of this step.
    fn seen(&self) -> anyhow::Result<StepProgress> {
        Ok(Progress::load(&self.file)?.seen(&self.at).cloned().unwrap_or_default())
    }

    /// Remembers what is so now, before the student does anything; once a step.
    pub async fn begin(&self, anew: bool) -> anyhow::Result<()> {
        if anew || self.seen()?.begun_with.is_empty() {
            let begun = author::remember(&self.place, &self.facts().await?, self.step()).await;
            self.record(|step| step.begun_with = begun)?;
        }
        Ok(())
    }

    /// The order in which this student sees the choices.
    pub fn order(&self) -> anyhow::Result<Vec<char>> {
        // The seed is made when it is first read, and has to be the same from then on.
        let progress = Progress::change(&self.file, |_| ())?;
        let question = self.step().question.as_ref();
        Ok(question.map(|it| shuffle::order(it, progress.seed, &self.at.lab, self.at.step)).unwrap_or_default())
    }

    /// Whether the question of this step was answered, where it has one.
    pub fn predicted(&self) -> anyhow::Result<bool> {
        Ok(self.step().question.is_none() || !self.seen()?.answers.is_empty())
    }

    /// The step before, where it has just passed and this one was not shown yet; from now on it counts as shown.
    pub fn just_passed(&self) -> anyhow::Result<Option<usize>> {
        if !self.seen()?.unseen {
            return Ok(None);
        }
        self.record(|step| step.unseen = false)?;
        Ok(self.at.step.checked_sub(1).filter(|before| *before > 0))
    }

    /// Takes an answer: the letter of a choice as it is shown, or what was typed under Ask.
    pub fn give(&self, word: &str) -> anyhow::Result<()> {
        let step = self.step();
        let mut letters = word.chars();
        let letter = letters.next().filter(|_| letters.next().is_none()).map(|letter| letter.to_ascii_lowercase());
        let order = self.order()?;
        if let Some(meant) = letter.and_then(|letter| shuffle::meant(&order, letter)) {
            return self.record(|step| step.answers.push(meant));
        }
        if step.ask.is_some() {
            return self.record(|step| step.typed.push(word.trim().to_owned()));
        }
        step.question.as_ref().with_context(|| format!("step {} asks no question", self.at.step))?;
        let choices: String = ('a'..).take(order.len()).map(|choice| format!(" {choice}")).collect();
        bail!("{word} is no choice; there are{choices}");
    }

    /// Why this step is skipped here, where it is.
    pub async fn lacking(&self) -> anyhow::Result<Option<String>> {
        let facts = self.facts().await?;
        match Need::first_lacking(&self.lab.needs, &self.place, &facts).await? {
            Some(reason) => Ok(Some(reason)),
            None => Need::first_lacking(&self.step().needs, &self.place, &facts).await,
        }
    }

    /// Goes on to the next step, and remembers what it begins with.
    async fn go_on(&self) -> anyhow::Result<()> {
        if self.at.step < self.lab.steps.len() {
            let next = Position { step: self.at.step + 1, ..self.at.clone() };
            self.change(|progress, _| progress.reach(&next))?;
            let (place, lab, file) = (self.place.clone(), self.lab.clone(), self.file.clone());
            let session = Session { place, lab, at: next, style: self.style, keys: self.keys, file };
            session.begin(false).await?;
        }
        Ok(())
    }

    /// Looks whether the step is done, shows every finding, and goes on when all hold. Without `within` it tells at once
    /// what is missing, and waits only while something is on its way.
    pub async fn check(&mut self, within: Option<std::time::Duration>) -> anyhow::Result<bool> {
        let heading = format!("Checks of step {}: {}", self.at.step, self.step().title);
        anstream::println!("{}", render::heading(&heading, self.style));
        if let Some(reason) = self.lacking().await? {
            anstream::println!("  skipped: {reason}");
            self.record(|step| step.skip(reason))?;
            self.go_on().await?;
            return Ok(true);
        }
        let step = self.step().clone();
        let (seen, facts) = (self.seen()?, self.facts().await?);
        let scene = Scene {
            place: &self.place,
            facts: &facts,
            question: step.question.as_ref(),
            choice: seen.answers.last().copied(),
            typed: seen.typed.last().cloned(),
            begun: &seen.begun_with,
            glance: false,
        };
        if author::measures(&step, &scene) {
            anstream::eprintln!("  (what is measured takes 10 s or more, once all else holds)");
        }
        let findings = author::check(&step, &scene, patient(within.unwrap_or(SETTLES_WITHIN)), within.is_some()).await;
        let lines: Vec<(bool, String, String)> = findings
            .iter()
            .map(|(check, finding)| {
                let what = facts.fill(&check.what()).unwrap_or_else(|_| check.what());
                let said = if self.keys { by_key(&finding.said) } else { finding.said.clone() };
                (finding.holds(), what, said)
            })
            .collect();
        anstream::print!("{}", render::findings(&lines, self.style));
        let findings: Vec<Finding> = findings.into_iter().map(|(_, finding)| finding).collect();
        let all = !findings.iter().any(Finding::fails);
        let measured: Vec<_> = findings.iter().filter_map(|finding| finding.measured).collect();
        self.record(|step| {
            step.checks += 1;
            if all {
                step.pass(measured);
            }
        })?;
        if all {
            self.go_on().await?;
        }
        Ok(all)
    }

    /// Parts of a solution, with the letters that this student sees.
    pub fn explained(&self, parts: Vec<Part>) -> anyhow::Result<Vec<Part>> {
        let order = self.order()?;
        let one = |part| match part {
            Part::Text(text) => Part::Text(shuffle::solution(&text, &order)),
            commands => commands,
        };
        Ok(parts.into_iter().map(one).collect())
    }

    /// Shows a text of the lab.
    pub fn show(&self, text: &str) {
        if !text.is_empty() {
            anstream::println!("{}", render::markdown(text, self.style));
        }
    }
}

/// What is said to an answer, for those who answer by a key: `lab answer LETTER` is no key.
fn by_key(said: &str) -> String {
    let mut out = String::new();
    let mut rest = said;
    while let Some((before, behind)) = rest.split_once("`lab answer ") {
        let Some((_, after)) = behind.split_once('`') else { break };
        out.push_str(before);
        out.push_str("[a]");
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use ::guide::place::Node;

    use super::*;

    /// A lab of two steps, whose commands run on this machine.
    const LAB: &str = r#"# Lab 1: Steps

- Time: 1 minutes
- Starts from: nodes

## Step 1: One

### Predict

Is it?

- a) no
- b) yes

### Do

```sh
true
```

### Observe

It is.

### Hint

Look.

### Solution

Answer: **b**.

- a) It is.

### Check

```check
answer b
run head true else "x"
```

### Mistake: none

```sh
false
```

```says
x
```

## Step 2: Two

### Do

```sh
true
```

### Observe

It.

### Hint

Look.

### Solution

So.

### Check

```check
run head false else "x"
```

### Mistake: none

```sh
false
```

```says
x
```
"#;

    /// A student at a step of that lab, with a file of progress of their own.
    fn at(step: usize, folder: &str) -> Session {
        let head = Node { name: "head".into(), private: "127.0.0.1".into(), public: "127.0.0.1".into(), running: true };
        let lab = ::guide::parse::lab(LAB, "coins", "steps").unwrap();
        Session {
            place: Place::Machines { nodes: vec![head], folder: "/".to_owned() },
            at: Position { lab: lab.id(), step },
            lab,
            style: Style { width: 80, colour: false },
            keys: false,
            file: std::env::temp_dir().join(format!("{folder}-{}/progress.json", std::process::id())),
        }
    }

    #[tokio::test]
    async fn who_checks_again_after_a_pass_is_told_so_once_and_not_when_the_next_step_was_shown() {
        let mut first = at(1, "swarmlab-passed");
        let letter = |right: bool| {
            let found = first.order().unwrap().iter().position(|letter| (*letter == 'b') == right).unwrap();
            ["a", "b"][found]
        };
        let (right, wrong) = (letter(true), letter(false));
        // What is observed waits for a prediction, whichever it is.
        assert!(!first.predicted().unwrap());
        first.give(wrong).unwrap();
        assert!(first.predicted().unwrap());
        assert!(!first.check(None).await.unwrap() && first.just_passed().unwrap().is_none());
        first.give(right).unwrap();
        assert!(first.check(None).await.unwrap());
        let second = at(2, "swarmlab-passed");
        assert_eq!((second.just_passed().unwrap(), second.just_passed().unwrap()), (Some(1), None));

        assert!(first.check(None).await.unwrap());
        second.show_question().await.unwrap();
        assert_eq!(second.just_passed().unwrap(), None);
        std::fs::remove_dir_all(second.file.parent().unwrap()).unwrap();
    }

    #[test]
    fn in_a_walk_the_key_is_named_that_answers_again() {
        assert_eq!(by_key("Look again. Then answer again: `lab answer LETTER`"), "Look again. Then answer again: [a]");
        assert_eq!(by_key("`x` is no number: `lab answer 12.5`, or so"), "`x` is no number: [a], or so");
        assert_eq!(by_key("`docker service ps rng`"), "`docker service ps rng`");
    }
}
