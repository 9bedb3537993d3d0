//! A student's progress, in a file that survives the terminal and any interruption.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of the file's form.
pub const SCHEMA: u32 = 2;

/// Everything that is kept of one student.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Version of this form.
    pub schema: u32,
    /// Who it is, as they call themselves.
    pub student: String,
    /// The lab and the step that are next.
    pub current: Option<Position>,
    /// What was done in each lab, by its track and name, `coins/compose`.
    pub labs: BTreeMap<String, LabProgress>,
    /// What the order of choices is made of, for this student alone.
    #[serde(default)]
    pub seed: u64,
}

/// A step of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The lab's track and name, `coins/compose`.
    pub lab: String,
    /// The step's number.
    pub step: usize,
}

/// What was done in one lab.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LabProgress {
    /// When it was started last, in seconds since 1970.
    pub started: u64,
    /// How often it was started.
    pub starts: u32,
    /// What was done in each step, by its number.
    pub steps: BTreeMap<usize, StepProgress>,
}

/// What was done in one step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StepProgress {
    /// When it was shown first, in seconds since 1970.
    pub begun: u64,
    /// When its checks passed first, or when it was skipped.
    pub passed: Option<u64>,
    /// How often it was checked.
    pub checks: u32,
    /// How often the hint was read.
    pub hints: u32,
    /// How often the solution was read.
    pub solutions: u32,
    /// The answers to its question, in their order and with the letters of the lab's file; the first is the prediction.
    pub answers: Vec<char>,
    /// What was measured when the checks passed.
    pub measured: Vec<Measured>,
    /// What was typed as an answer, in order.
    #[serde(default)]
    pub typed: Vec<String>,
    /// How often a block of commands was run by the program instead of being typed.
    #[serde(default)]
    pub ran: u32,
    /// Why it was skipped, where this Swarm lacks what it needs.
    #[serde(default)]
    pub skipped: Option<String>,
    /// It was reached by passing the step before, and nothing of it has been shown since.
    #[serde(default)]
    pub unseen: bool,
    /// What `changed` and `unchanged` compare with, as it was when the step began.
    #[serde(default)]
    pub begun_with: BTreeMap<String, String>,
}

impl StepProgress {
    /// All its checks hold.
    pub fn pass(&mut self, measured: Vec<Measured>) {
        if self.skipped.take().is_some() {
            self.passed = None;
        }
        self.passed.get_or_insert_with(now);
        self.measured = measured;
    }

    /// This Swarm lacks what it needs. One that has passed on another has passed.
    pub fn skip(&mut self, reason: String) {
        if self.passed.is_none() {
            self.passed = Some(now());
            self.skipped = Some(reason);
        }
    }
}

/// A speed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Workers that announced themselves.
    pub workers: usize,
    /// Their speed together.
    pub hashes_per_second: f64,
}

/// The time of day, in seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The labs as they were numbered when progress was kept by numbers.
const NUMBERED: [&str; 8] =
    ["compose", "bottleneck", "swarm", "registry", "services", "scaling", "stacks", "node-dies"];

/// A file of version 1, with names in place of the labs' numbers.
fn by_name(mut value: Value) -> Value {
    let name =
        |number: usize| number.checked_sub(1).and_then(|at| NUMBERED.get(at)).map(|slug| format!("coins/{slug}"));
    if let Some(labs) = value["labs"].as_object().cloned() {
        let named = labs.into_iter().filter_map(|(number, lab)| Some((name(number.parse().ok()?)?, lab)));
        value["labs"] = Value::Object(named.collect());
    }
    let current = value["current"]["lab"].as_u64().and_then(|number| name(usize::try_from(number).ok()?));
    match current {
        Some(lab) => value["current"]["lab"] = Value::String(lab),
        None => value["current"] = Value::Null,
    }
    value["schema"] = SCHEMA.into();
    value
}

/// A number that no two students share, and that no harm comes from if they do.
fn seed() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::hash::RandomState::new().build_hasher().finish().max(1)
}

/// Where progress is kept: $XDG_STATE_HOME/swarmlab/progress.json.
///
/// # Errors
/// When there is neither that variable nor a home.
pub fn path() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
    Ok(folder
        .context("neither XDG_STATE_HOME nor HOME says where progress is to be kept")?
        .join("swarmlab/progress.json"))
}

/// The turn to change a file, until it is dropped. It is another file than that, which is a new one after each change. A home
/// that knows no locks or cannot be written has no turns.
fn turn(path: &Path) -> Option<File> {
    std::fs::create_dir_all(path.parent()?).ok()?;
    let file = File::options().create(true).append(true).open(path.with_extension("lock")).ok()?;
    rustix::fs::flock(&file, FlockOperation::LockExclusive).ok()?;
    Some(file)
}

impl Progress {
    /// Reads it; where there is none, it is empty. One that an older program wrote is brought up to date.
    ///
    /// # Errors
    /// When the file cannot be read. It is left as it is.
    pub fn load(path: &Path) -> Result<Progress> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Progress { schema: SCHEMA, seed: seed(), ..Progress::default() });
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let not = || format!("{} is not a progress file; move it away to begin anew", path.display());
        let value: Value = serde_json::from_str(&text).with_context(not)?;
        let value = match value["schema"].as_u64() {
            Some(1) => by_name(value),
            _ => value,
        };
        let mut progress: Progress = serde_json::from_value(value).with_context(not)?;
        if progress.schema != SCHEMA {
            bail!("{} is of version {}, and this program knows {SCHEMA}", path.display(), progress.schema);
        }
        if progress.seed == 0 {
            progress.seed = seed();
        }
        Ok(progress)
    }

    /// Changes what is in the file, and returns it as it is then. Programs that change it at once come one after the other, and
    /// what is no change is not written.
    ///
    /// # Errors
    /// When the file cannot be read, or the folder cannot be written.
    pub fn change(path: &Path, change: impl FnOnce(&mut Progress)) -> Result<Progress> {
        let what =
            || format!("cannot write {}\n  XDG_STATE_HOME in the environment names another folder", path.display());
        let folder = path.parent().with_context(what)?;
        let _turn = turn(path);
        let mut progress = Progress::load(path)?;
        change(&mut progress);
        let text = serde_json::to_string_pretty(&progress)? + "\n";
        if std::fs::read_to_string(path).is_ok_and(|before| before == text) {
            return Ok(progress);
        }
        std::fs::create_dir_all(folder).with_context(what)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).with_context(what)?;
        file.write_all(text.as_bytes()).with_context(what)?;
        file.as_file().sync_all().with_context(what)?;
        file.persist(path).with_context(what)?;
        Ok(progress)
    }

    /// From a step of a lab on, the lab is begun again: what its steps began with is not so any more.
    pub fn begin_again(&mut self, at: &Position) {
        let steps = self.labs.entry(at.lab.clone()).or_default().steps.range_mut(at.step..);
        steps.for_each(|(_, step)| step.begun_with.clear());
        self.step(at).unseen = false;
        self.current = Some(at.clone());
    }

    /// Goes on to a step by passing the one before.
    pub fn reach(&mut self, at: &Position) {
        self.step(at).unseen = true;
        self.current = Some(at.clone());
    }

    /// The record of a step, made where there is none; its clock starts then.
    pub fn step(&mut self, at: &Position) -> &mut StepProgress {
        let step = self.labs.entry(at.lab.clone()).or_default().steps.entry(at.step).or_default();
        if step.begun == 0 {
            step.begun = now();
        }
        step
    }

    /// The record of a step, where there is one.
    pub fn seen(&self, at: &Position) -> Option<&StepProgress> {
        self.labs.get(&at.lab)?.steps.get(&at.step)
    }

    /// How many steps of a lab have passed, or were skipped.
    pub fn passed(&self, lab: &str) -> usize {
        self.labs.get(lab).map_or(0, |lab| lab.steps.values().filter(|step| step.passed.is_some()).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("swarmlab/progress.json");
        let fresh = Progress::load(&path).unwrap();
        assert_eq!((fresh.schema, fresh.labs.len(), fresh.seed != 0), (SCHEMA, 0, true));
        let at = Position { lab: "coins/bottleneck".to_owned(), step: 3 };
        let progress = Progress::change(&path, |progress| {
            progress.student = "Ada".to_owned();
            progress.current = Some(at.clone());
            let step = progress.step(&at);
            step.answers.push('b');
            step.pass(vec![Measured { workers: 10, hashes_per_second: 9.97 }]);
        })
        .unwrap();
        assert_eq!(Progress::load(&path).unwrap(), progress);
        assert_eq!((progress.passed("coins/bottleneck"), progress.passed("coins/compose")), (1, 0));
        // Nothing is left in the folder but the lock.
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 2);
    }

    #[test]
    fn of_changes_at_once_none_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.json");
        let at = Position { lab: "coins/compose".to_owned(), step: 1 };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        Progress::change(&path, |progress| progress.step(&at).checks += 1).unwrap();
                    }
                });
            }
        });
        assert_eq!(Progress::load(&path).unwrap().seen(&at).unwrap().checks, 80);
    }

    #[test]
    fn what_is_no_change_is_not_written() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.json");
        let file = || std::fs::metadata(&path).unwrap().ino();
        let made = Progress::change(&path, |_| ()).unwrap();
        let first = file();
        assert_eq!(Progress::change(&path, |_| ()).unwrap(), made);
        assert_eq!(file(), first);
        Progress::change(&path, |progress| progress.student = "Ada".to_owned()).unwrap();
        assert_ne!(file(), first);
    }

    #[test]
    fn a_lab_that_is_begun_again_compares_with_nothing_of_before() {
        let at = |step| Position { lab: "coins/scaling".to_owned(), step };
        let mut progress = Progress::default();
        for step in 1..=3 {
            let step = progress.step(&at(step));
            step.begun_with.insert("tasks worker".to_owned(), "old".to_owned());
            step.pass(Vec::new());
        }
        progress.begin_again(&at(2));
        let left: Vec<bool> = (1..=3).map(|step| !progress.step(&at(step)).begun_with.is_empty()).collect();
        assert_eq!(left, [true, false, false]);
        assert_eq!((progress.current.clone(), progress.passed("coins/scaling")), (Some(at(2)), 3));
    }

    #[test]
    fn a_step_is_unseen_when_the_one_before_has_passed_and_not_when_it_is_begun_again() {
        let at = Position { lab: "coins/scaling".to_owned(), step: 2 };
        let mut progress = Progress::default();
        progress.reach(&at);
        assert_eq!((progress.current.clone(), progress.step(&at).unseen), (Some(at.clone()), true));
        progress.begin_again(&at);
        assert!(!progress.step(&at).unseen);
        // A file of an older program says nothing of it: the step counts as seen.
        let mut value = serde_json::to_value(progress.step(&at)).unwrap();
        value.as_object_mut().unwrap().remove("unseen");
        assert!(!serde_json::from_value::<StepProgress>(value).unwrap().unseen);
    }

    #[test]
    fn a_step_that_was_skipped_can_pass_and_one_that_passed_is_never_skipped() {
        let mut step = StepProgress::default();
        step.skip("there are 2 nodes".to_owned());
        assert!(step.passed.is_some() && step.skipped.is_some());
        step.pass(Vec::new());
        assert!(step.passed.is_some() && step.skipped.is_none());
        step.skip("there are 2 nodes".to_owned());
        assert!(step.skipped.is_none());
    }

    #[test]
    fn progress_by_numbers_becomes_progress_by_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.json");
        let old = r#"{"schema":1,"student":"Ada","current":{"lab":6,"step":2},"labs":{"2":{"started":5,"starts":1,"steps":{"3":
            {"begun":7,"passed":9,"checks":1,"hints":0,"solutions":0,"answers":["c"],"measured":[]}}},"99":{"started":1,"starts":1,"steps":{}}}}"#;
        std::fs::write(&path, old).unwrap();
        let progress = Progress::load(&path).unwrap();
        assert_eq!(progress.current, Some(Position { lab: "coins/scaling".to_owned(), step: 2 }));
        assert_eq!(progress.labs.keys().collect::<Vec<_>>(), ["coins/bottleneck"]);
        let at = Position { lab: "coins/bottleneck".to_owned(), step: 3 };
        assert_eq!(progress.seen(&at).unwrap().answers, ['c']);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), old);
    }

    #[test]
    fn a_folder_that_cannot_be_written_has_a_way_out() {
        // Not even root can make a folder there.
        let error = Progress::change(Path::new("/proc/swarmlab/progress.json"), |_| ()).unwrap_err();
        assert!(error.to_string().contains("XDG_STATE_HOME"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_progress_is_named_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.json");
        for (text, said) in [
            ("{\"schema\": 1", "is not a progress file"),
            ("[]", "is not a progress file"),
            ("{\"schema\":9,\"student\":\"\",\"current\":null,\"labs\":{}}", "version 9"),
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(Progress::load(&path).unwrap_err().to_string().contains(said));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
