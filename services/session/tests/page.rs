//! The page in a browser: what a visitor sees when a task goes, and when only a connection does.
//!
//! The pictures that are taken on the way are in `target/tmp`, for people to look at.

use std::path::Path;
use std::time::Duration;

use testbed::{Browser, Page, Program, free_port};

/// Longer than anything here takes, even on a busy machine.
const BOUND: Duration = Duration::from_secs(60);

const NOTE: &str = "document.querySelector('#note').value";

const COLOUR_OF_THE_TASK: &str = "getComputedStyle(document.querySelector('#task')).color";

fn start(address: &str) -> Program {
    let args = ["--listen", address, "--tick=100ms", "--node=worker-1", "--app-version=2"];
    let mut program = Program::start(env!("CARGO_BIN_EXE_session"), &args);
    program.address();
    program
}

fn socket_says(page: &Page<'_>, text: &str) {
    page.wait_until(&format!("document.querySelector('#socket').textContent.includes('{text}')"), BOUND);
}

fn shot(page: &Page<'_>, name: &str) {
    page.screenshot(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
}

#[test]
fn a_visitor_sees_who_answers_and_that_a_session_went_with_its_task() {
    let address = format!("127.0.0.1:{}", free_port());
    let mut task = start(&address);
    let browser = Browser::start();
    let page = browser.open(&format!("http://{address}/"), 1280, 800);
    page.wait_until("Number(document.querySelector('#visits').textContent) > 1", BOUND);
    socket_says(&page, "Open, with your session.");
    assert_eq!(page.text("#where"), "on worker-1, version 2");
    page.eval("document.querySelector('#note').value = 'buy bread'; document.querySelector('#form').requestSubmit()");
    page.wait_until("document.querySelector('#kept').textContent === 'Kept.'", BOUND);
    shot(&page, "session-kept.png");
    page.prefer("color-scheme", "dark");
    assert_eq!(page.eval(COLOUR_OF_THE_TASK), page.eval("getComputedStyle(document.body).color"));
    assert_eq!(page.text("#chip"), "1");
    shot(&page, "session-dark.png");

    // What is being written stays when the field is left.
    page.eval("document.querySelector('#note').focus(); document.querySelector('#note').value = 'buy bread and'");
    page.press("Tab");
    let visits: u64 = page.text("#visits").parse().unwrap();
    page.wait_until(&format!("Number(document.querySelector('#visits').textContent) > {}", visits + 1), BOUND);
    assert_eq!(page.eval(NOTE), "buy bread and");
    page.eval("document.querySelector('#note').value = 'buy bread'");

    // Another task takes its place, which knows nobody. The first one closes its websockets and ends well.
    task.signal("TERM");
    assert_eq!(task.wait(), Some(0), "{}", task.log());
    page.wait_until("!document.querySelector('#unreachable').hidden", BOUND);
    let _another = start(&address);
    page.wait_until("document.querySelector('#lost').textContent === '1'", BOUND);
    socket_says(&page, "Opened again");
    // The field was not changed since: it shows what the new session has.
    assert_eq!(page.eval(NOTE), "");
    page.wait_until("document.querySelector('#unreachable').hidden", BOUND);
    shot(&page, "session-gone.png");
}
