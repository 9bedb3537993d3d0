use proptest::prelude::*;

use super::*;

/// Reads a lab of no particular place.
fn lab(text: &str) -> Result<Lab, Error> {
    super::lab(text, "coins", "test")
}

const GOOD: &str = r#"# Lab 3: A lab

- Time: 20 minutes
- Starts from: swarm

What it is about.

## Step 1: First

- Needs: ipvs, nodes 3

Why.

### Predict

How many?

- a) one
- b) two,
  not more

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

- a) One is what
  there was.

### Check

```check
answer b
run head true
  else "Look again."
running worker 2
```

### Mistake: one too many

```sh
docker service scale worker=3
```

```says
has 3
replicas
```

```sh
docker service scale worker=1
```

### Covers

S6, E17.
"#;

#[test]
fn a_lab_is_read_whole() {
    let lab = lab(GOOD).unwrap();
    assert_eq!((lab.number, lab.title.as_str(), lab.minutes, lab.start), (3, "A lab", 20, vec!["swarm".to_owned()]));
    assert_eq!((lab.track.as_str(), lab.slug.as_str()), ("coins", "test"));
    assert_eq!(lab.intro, "What it is about.");
    let step = &lab.steps[0];
    assert_eq!((step.title.as_str(), step.purpose.as_str()), ("First", "Why."));
    let question = step.question.as_ref().unwrap();
    let choices: Vec<(char, &str)> = question.choices.iter().map(|(letter, text)| (*letter, text.as_str())).collect();
    assert_eq!((choices.as_slice(), question.right), ([('a', "one"), ('b', "two, not more")].as_slice(), 'b'));
    assert_eq!((question.text.as_str(), question.tempting[&'a'].as_str()), ("How many?", "One is what there was."));
    assert_eq!(step.needs, [Need::Ipvs, Need::Nodes(3)]);
    let mistake = &step.mistakes[0];
    assert_eq!((mistake.title.as_str(), mistake.says.as_str()), ("one too many", "has 3 replicas"));
    assert_eq!((mistake.commands.len(), mistake.back.len()), (1, 1));
    assert_eq!(step.checks[1].otherwise.as_deref(), Some("Look again."));
    let commands: Vec<&Commands> = step.commands().collect();
    assert_eq!(commands.len(), 1);
    assert_eq!(commands[0].script, "docker service scale worker=2\n# no heading");
    assert_eq!((&commands[0].on, commands[0].only.as_slice()), (&On::Node("head".into()), [Only::Ipvs].as_slice()));
    assert_eq!(step.checks.len(), 3);
    assert_eq!(step.rows, ["S6", "E17"]);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let cases = [
        ("# Lab 3: A lab", "# A lab", "begins with `# Lab 1"),
        ("running worker 2", "runing worker 2", "there is no check \"runing\""),
        ("running worker 2", "running worker", "running SERVICE N"),
        ("answer b\nrun head true\n  else \"Look again.\"\nrunning worker 2\n", "", "step 1 has no check"),
        ("  else \"Look again.\"\n", "", "ends with else"),
        ("answer b\n", "", "nothing checks the choice"),
        ("answer b\n", "answer b\nanswer text tasks rng\n", "there is no `### Ask`"),
        ("### Hint", "### Ask\n\nHow many?\n\n### Hint", "nothing checks what is asked"),
        ("ipvs, nodes 3", "ipv6", "`ipv6` is none of"),
        ("- a) One is what\n  there was.", "- b) It is.", "a choice that is right"),
        ("```says\nhas 3\nreplicas\n```", "", "has what the check must say"),
        ("```says\nhas 3\nreplicas\n```", "```says\n```", "a mistake has a command"),
        ("```check\n", "```check if=x\n", "behind `check` come"),
        ("S6, E17.", "S6, S99.", "no row \"S99\""),
        ("if=ipvs", "if=ipv6", "if=ipv6 is none of"),
        ("if=ipvs", "ipvs", "on=NODE, if=CONDITION and may-fail"),
        ("```says\n", "```says loud\n", "in a fence of `says` or `says anyway`"),
        ("```sh if=ipvs", "```answer\necho 1\n```\n\n```sh if=ipvs", "a fence of `answer` stands in the solution"),
        ("### Hint", "### Tip", "`### Tip` is none of"),
        ("### Hint", "### Do", "a second `### Do`"),
        ("answer b\nrun", "answer a\nrun", "the check wants answer a"),
        ("Answer: **b**", "Answer: **a**", "a choice that is right"),
        ("Answer: **b**", "It is b", "names the right choice"),
        ("- b) two", "- c) two", "two choices or more"),
        ("## Step 1", "## Step 2", "begins with `## Step 1: `"),
        ("20 minutes", "some time", "- Time: 20 minutes"),
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
