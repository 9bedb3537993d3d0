//! Broken labs are refused, each for its own fault. Their commands make files in a folder of this machine: no Swarm is needed.

use std::path::Path;

use super::*;
use crate::place::Node;

/// A step that works.
const GOOD: &str = r#"# Lab 1: Files

- Time: 1 minutes
- Starts from: nodes

## Step 1: Make one

### Predict

Is it there?

- a) no
- b) yes

### Do

```sh
echo 42 > made
```

### Observe

It.

### Ask

What is in it?

### Hint

Make it.

### Solution

Answer: **b**.

```answer
sed 's/$/ is in it/' made
```

- a) It was not there before.

### Check

```check
answer b
answer number output head "cat made" within 0.5
run head "cat made" is 42 else "Make it: `echo 42 > made`."
changed output head "ls" else "Nothing was made."
keep unchanged output head "ls .. | wc -l" else "Something was made beside the folder."
```

### Mistake: another number

```sh
echo 41 > made
```

```says
on head it says `41`
```

```sh
rm made
```
"#;

/// Walks the first step of a lab in a folder of its own; what went wrong.
async fn walk_text(text: &str) -> Result<Walked, String> {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let head = Node { name: "head".into(), private: "127.0.0.1".into(), public: "127.0.0.1".into(), running: true };
    let place = Place::Machines { nodes: vec![head], folder: inner.display().to_string() };
    let lab = crate::parse::lab(text, "coins", "files").map_err(|error| error.to_string())?;
    let mut walked = Walked::default();
    match walk_step(&place, &lab.steps[0], Facts::gather(&place).await.unwrap(), &mut walked).await {
        Ok(saw) if saw.faults.is_empty() => Ok(walked),
        Ok(saw) => Err(saw.faults.join("; ")),
        Err(error) => Err(format!("{error:#}")),
    }
}

#[tokio::test]
async fn a_good_step_is_walked_and_counted() {
    let walked = walk_text(GOOD).await.unwrap();
    assert_eq!((walked.held, walked.mistakes, walked.skipped.len()), (5, 1, 0));
    // A mistake of another place was not made, so it got no sentence.
    let elsewhere = GOOD.replacen("number\n\n```sh\n", "number\n\n```sh if=cluster\n", 1);
    let walked = walk_text(&elsewhere).await.unwrap();
    assert_eq!((walked.held, walked.mistakes), (5, 0));
}

#[tokio::test]
async fn each_fault_of_a_lab_is_found() {
    let cases = [
        (
            "run head \"cat made\" is 42",
            "run head true",
            "`run head true else \"Make it: `echo 42 > made`.\"` holds before the step",
        ),
        ("keep unchanged", "keep changed", "does not hold before the step"),
        ("keep unchanged output head \"ls .. | wc -l\"", "keep unchanged output head ls", "it has changed"),
        ("echo 42 > made\n```\n\n### Observe", "true\n```\n\n### Observe", "after the solution"),
        ("echo 42 > made\n```\n\n### Observe", "exit 7\n```\n\n### Observe", "this ended with 7"),
        // One that fails in the middle counts, and what it was is said.
        (
            "echo 42 > made\n```\n\n### Observe",
            "cat nonsuch\necho 42 > made\n```\n\n### Observe",
            "this failed, with 1: cat nonsuch",
        ),
        (
            "on head it says `41`",
            "You forgot it",
            "another number: no line of the check says `You forgot it`; they say",
        ),
        ("on head it says `41`", "Make it: `echo", "another number: `Make it: `echo` is said before the mistake too"),
        ("on head it says `41`\n", "on head it says `41`\n```\n\n```sh\nfalse\n", "the way back from a mistake"),
        ("echo 41 > made", "echo 42 > made", "no line of the check says"),
        ("rm made", "rm nonsuch", "the way back from a mistake"),
        ("sed 's/$/ is in it/' made", "echo 43", "43 is not what this swarm shows now"),
        ("sed 's/$/ is in it/' made", "cat nonsuch", "the solution's own reading"),
        ("within 0.5", "within 1000000", "takes 520 for an answer, where 42 is right"),
        ("answer number output head \"cat made\"", "answer number output head \"cat nonsuch\"", "ended with 1"),
    ];
    // Side by side: each spends its time on starting shells.
    let walks = cases.map(|(from, to, said)| async move {
        assert!(GOOD.contains(from), "{from}");
        let walked = walk_text(&GOOD.replacen(from, to, 1)).await;
        let error = walked.expect_err(&format!("{from} -> {to} was taken"));
        assert!(error.contains(said), "{from} -> {to}: {error}");
    });
    futures_util::future::join_all(walks).await;
}

#[tokio::test]
async fn what_is_marked_may_fail_or_be_said_anyway() {
    let middle = "echo 42 > made\n```\n\n### Observe";
    for (from, to) in [
        (middle, "cat nonsuch || true\necho 42 > made\n```\n\n### Observe"),
        (middle, "if cat nonsuch; then false; fi\necho 42 > made\n```\n\n### Observe"),
        (middle, "(cat nonsuch; true)\necho 42 > made\n```\n\n### Observe"),
        ("### Do\n\n```sh\n", "### Do\n\n```sh may-fail\ncat nonsuch\n"),
        ("says\non head it says `41`", "says anyway\nMake it: `echo"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let walked = walk_text(&GOOD.replacen(from, to, 1)).await;
        assert_eq!(walked.map(|walked| walked.held), Ok(5), "{from} -> {to}");
    }
}

#[tokio::test]
async fn what_this_place_lacks_is_skipped_with_its_reason() {
    let head = Node { name: "head".into(), private: "127.0.0.1".into(), public: "127.0.0.1".into(), running: true };
    let place = Place::Machines { nodes: vec![head], folder: ".".to_owned() };
    let facts = Facts::gather(&place).await.unwrap();
    let needs = Need::list("machines, nodes 1, program sh, nodes 2").unwrap();
    assert_eq!(
        Need::first_lacking(&needs, &place, &facts).await.unwrap().as_deref(),
        Some("there are 1 nodes, and it needs 2")
    );
    assert_eq!(Need::first_lacking(&needs[..3], &place, &facts).await.unwrap(), None);
}

#[tokio::test]
async fn a_look_that_never_ends_is_a_finding() {
    let head = Node { name: "head".into(), private: "127.0.0.1".into(), public: "127.0.0.1".into(), running: true };
    let place = Place::Machines { nodes: vec![head], folder: ".".to_owned() };
    let (facts, begun) = (Facts::gather(&place).await.unwrap(), BTreeMap::new());
    let scene =
        Scene { place: &place, facts: &facts, question: None, choice: None, typed: None, begun: &begun, glance: false };
    let check = Check::read("run head \"sleep 600\" else \"x\"", &[]).unwrap();
    tokio::time::pause();
    let found = check.once(&scene).await;
    assert!(found.fails() && found.said.contains("no answer within"), "{found:?}");
}

#[tokio::test]
async fn whoever_chose_wrong_is_told_so_before_anything_is_measured() {
    let head = Node { name: "head".into(), private: "127.0.0.1".into(), public: "127.0.0.1".into(), running: true };
    let place = Place::Machines { nodes: vec![head], folder: ".".to_owned() };
    let (facts, begun) = (Facts::gather(&place).await.unwrap(), BTreeMap::new());
    // Nothing answers on this port, so what is measured says so.
    let checks = "answer b\nslower 1 2 10\nrun head true else \"x\"\n";
    let from = GOOD.find("answer b\nanswer number").unwrap();
    let to = GOOD.find("```\n\n### Mistake").unwrap();
    let text = format!("{}{checks}{}", &GOOD[..from], &GOOD[to..]);
    let text = text.replacen("### Ask\n\nWhat is in it?\n\n", "", 1);
    let text = text.replacen("```answer\nsed 's/$/ is in it/' made\n```\n\n", "", 1);
    let step = crate::parse::lab(&text, "coins", "files").unwrap().steps.remove(0);
    let look = async |choice| {
        let question = step.question.as_ref();
        let scene = Scene { place: &place, facts: &facts, question, choice, typed: None, begun: &begun, glance: false };
        let found = check(&step, &scene, Duration::ZERO, false).await;
        (measures(&step, &scene), found.into_iter().map(|(_, found)| found.said).collect::<Vec<_>>())
    };
    let (measured, said) = look(Some('a')).await;
    assert!(!measured && said[0].contains("It was not there before."), "{said:?}");
    assert_eq!(said[1], "not measured yet: first your answer has to be right");
    // The other lines are looked at; and without an answer, or with the right one, it is measured.
    assert!(!said[2].contains("not measured"), "{said:?}");
    for choice in [None, Some('b')] {
        let (measured, said) = look(choice).await;
        assert!(measured && !said[1].contains("not measured yet"), "{choice:?}: {said:?}");
    }
}

#[test]
fn links_of_the_labs_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs");
    for crate::files::Text { folder, file, text } in &crate::files::files().unwrap().labs {
        assert_eq!(dead_links(&root.join(folder), file, text), [""; 0]);
    }
    assert_eq!(dead_links(&root, "x.md", "[a](nonsuch.md) [b](https://docker.com) [c](#d)"), ["x.md: nonsuch.md"]);
}
