use proptest::prelude::*;

use super::*;

const GOOD: &str = "# Lab 3: A lab

- Time: 20 minutes
- Starts from: swarm

What it is about.

## Step 1: First

Why.

### Predict

How many?

- a) one
- b) two

### Do

Type this:

```sh if=ipvs
docker service scale worker=2
# no heading
```

### Observe

Two.

### Hint

Count.

### Solution

Answer: **b**. Because.

### Check

```check
answer b
running worker 2
```

### Covers

S6, E17.
";

#[test]
fn a_lab_is_read_whole() {
    let lab = lab(GOOD).unwrap();
    assert_eq!((lab.number, lab.title.as_str(), lab.minutes, lab.start), (3, "A lab", 20, Start::Swarm));
    assert_eq!(lab.intro, "What it is about.");
    let step = &lab.steps[0];
    assert_eq!((step.title.as_str(), step.purpose.as_str()), ("First", "Why."));
    let question = step.question.as_ref().unwrap();
    assert_eq!((question.choices.as_slice(), question.right), (['a', 'b'].as_slice(), 'b'));
    let commands: Vec<&Commands> = step.commands().collect();
    assert_eq!(commands.len(), 1);
    assert_eq!(commands[0].script, "docker service scale worker=2\n# no heading");
    assert_eq!((&commands[0].on, commands[0].only.as_slice()), (&On::Node("head".into()), [Only::Ipvs].as_slice()));
    assert_eq!(step.checks.len(), 2);
    assert_eq!(step.rows, ["S6", "E17"]);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let cases = [
        ("# Lab 3: A lab", "# A lab", "begins with `# Lab 1"),
        ("running worker 2", "runing worker 2", "there is no check \"runing\""),
        ("running worker 2", "running worker", "running SERVICE N"),
        ("answer b\nrunning worker 2\n", "", "step 1 has no check"),
        ("S6, E17.", "S6, S99.", "no row \"S99\""),
        ("if=ipvs", "if=ipv6", "if=ipv6 is none of"),
        ("if=ipvs", "ipvs", "on=NODE and if=CONDITION"),
        ("### Hint", "### Tip", "`### Tip` is none of"),
        ("### Hint", "### Do", "a second `### Do`"),
        ("Answer: **b**", "Answer: **a**", "the check wants answer b"),
        ("Answer: **b**", "It is b", "names the right choice"),
        ("- b) two", "- c) two", "two choices or more"),
        ("## Step 1", "## Step 2", "begins with `## Step 1: `"),
        ("20 minutes", "some time", "- Time: 20 minutes"),
        ("Starts from: swarm", "Starts from: scratch", "is none of nodes"),
        ("E17.\n", "E17.\n\n```sh\n", "not closed"),
    ];
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "{from}");
        let error = lab(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert!(error.what.contains(expected), "{from} -> {to}: {error}");
        assert!(error.line > 0, "{error}");
    }
}

#[test]
fn a_lab_without_a_step_is_refused() {
    let text = GOOD.split("## Step").next().unwrap();
    assert!(lab(text).unwrap_err().what.contains("at least one step"));
}

#[test]
fn all_that_is_needed_is_missed() {
    for section in ["Do", "Observe", "Hint", "Solution"] {
        let begin = GOOD.find(&format!("### {section}")).unwrap();
        let end = begin + 1 + GOOD[begin + 1..].find("\n### ").unwrap();
        let error = lab(&format!("{}{}", &GOOD[..begin], &GOOD[end..])).unwrap_err();
        assert!(error.what.contains(&format!("no `### {section}`")), "{section}: {error}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "(# |## Step 1: |### |```|sh|check|- a\\) |\\n|\\PC){0,60}") {
        let _ = lab(&text);
    }

    #[test]
    fn a_damaged_lab_is_read_or_refused(at in 0..GOOD.len(), length in 0usize..40, put in "[#`\\n a-z*=:]{0,8}") {
        let end = (at + length).min(GOOD.len());
        let damaged = format!("{}{put}{}", &GOOD[..at], &GOOD[end..]);
        if let Ok(lab) = lab(&damaged) {
            prop_assert!(!lab.steps.is_empty());
            prop_assert!(lab.steps.iter().all(|step| !step.checks.is_empty()));
        }
    }
}
