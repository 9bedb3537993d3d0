//! The CloudLab profile makes the requests that it should.

use std::path::Path;
use std::process::Command;

#[test]
fn the_profile_makes_valid_requests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let run = Command::new("python3").arg(root.join("lab/cloudlab/check.py")).output();
    let output = run.expect("python3 runs the profile; install it (apt-get install python3)");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("5 requests"), "{said}");
}
