//! What a page of the documentation tells people to type is what a lab walks.

use std::path::Path;

/// The words of each command of a script, with lines that go on joined.
fn commands(script: &str) -> Vec<Vec<String>> {
    let joined = script.replace("\\\n", " ");
    joined.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

/// Whether the words stand in the command, in their order.
fn within(words: &[String], command: &[String]) -> bool {
    let mut rest = command.iter();
    words.iter().all(|word| rest.any(|other| other == word))
}

#[test]
fn the_page_on_measuring_a_service_tells_what_its_lab_walks() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/measure-your-service.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let lab = guide::labs::one("measure/1").expect("the lab");
    let scripts = lab.steps.iter().flat_map(|step| step.commands());
    let walked: Vec<Vec<String>> = scripts.flat_map(|block| commands(&block.script)).collect();
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let told: Vec<Vec<String>> =
        blocks.filter(|block| block.contains("shop_web") || block.contains("predict")).flat_map(commands).collect();
    assert_eq!(told.len(), 3, "the page has a deployment, a sweep and a question: {told:?}");
    for words in told {
        let folders = |word: &String| if word == "~/work/measure/shop" { "shop".to_owned() } else { word.clone() };
        let found = walked.iter().any(|command| within(&words, &command.iter().map(folders).collect::<Vec<_>>()));
        assert!(found, "the lab does not walk `{}`", words.join(" "));
    }
}
