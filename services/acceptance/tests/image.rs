//! What an image of a service is compiled from.

use std::path::Path;
use std::process::Command;

/// A file of `compose/`.
fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../compose").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The programs that `compose/Dockerfile` compiles unless told otherwise.
fn programs() -> Vec<String> {
    let text = file("Dockerfile");
    let line = text.lines().find_map(|line| line.strip_prefix("ARG PROGRAMS=")).expect("ARG PROGRAMS");
    line.trim_matches('"').split(' ').map(ToOwned::to_owned).collect()
}

#[test]
fn every_program_that_is_built_for_an_image_has_one() {
    let (dockerfile, programs) = (file("Dockerfile"), file("programs"));
    let images: Vec<&str> = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM common AS ")).collect();
    let built: Vec<&str> = programs.split_whitespace().chain(["lab"]).collect();
    assert_eq!(images, built);
    for script in ["binaries.sh", "reproduce.sh"] {
        assert!(file(script).contains(r#":-"$(cat compose/programs) lab"}"#), "{script} builds other programs");
    }
}

#[test]
fn the_images_of_the_services_compile_nothing_but_services() {
    let programs = programs();
    assert!(["rng", "hasher", "worker", "webui"].iter().all(|name| programs.iter().any(|other| other == name)));
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--locked", "--prefix", "none", "--edges", "normal,build", "--format", "{p}"]);
    // Whoever runs this may have cargo look at the whole workspace, which the image does not.
    tree.env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION");
    for program in &programs {
        tree.args(["--package", program]);
    }
    let tree = tree.output().expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).expect("text");
    // A crate of this workspace is told with its folder.
    let ours: Vec<&str> = text.lines().filter(|line| line.contains(" (/") && !line.contains("(proc-macro)")).collect();
    assert!(ours.len() >= programs.len(), "{text}");
    for line in ours {
        let name = line.split(' ').next().unwrap_or_default();
        let known = ["kit", "ledger", "style"].contains(&name) || programs.iter().any(|program| program == name);
        assert!(known, "the images of the services would wait for {line}");
    }
}
