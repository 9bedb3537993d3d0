//! The page in a browser, while workers fill the picture.
//!
//! The pictures that are taken on the way are in `target/tmp`, for people to look at.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use testbed::{Browser, Page};

use crate::world::World;

/// Longer than anything here takes, even on a busy machine.
const BOUND: Duration = Duration::from_secs(120);

fn shot(page: &Page<'_>, name: &str) {
    page.screenshot(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
}

/// How many of the picture's points have another colour than the background.
const PAINTED: &str = "(() => { const c = document.querySelector('#points'); if (!c.width) return 0;
    const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;
    for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_picture_fills_and_the_page_tells_of_what_goes_wrong() {
    let mut world = World::new();
    let mut server = world.start("page", &["--listen=127.0.0.1:0"]);
    let address = server.address();
    let browser = Browser::start();
    let page = browser.open(&format!("http://{address}/"), 1280, 900);
    page.wait_until("document.querySelector('#stage').innerText.includes('Nothing was submitted yet')", BOUND);

    world.submit(&["--across=12", "--down=9", "--tile=32", "--poison=1", "--tries=1"]).await;
    // One that is silent with a job in hand, under the eyes of the page.
    let silent = world.start("work", &["--think=100s", "--node=node3", "--lease=20s"]);
    page.wait_until(
        "[...document.querySelectorAll('#rows .state')].some((s) => s.innerText.startsWith('tile'))",
        BOUND,
    );
    drop(silent);
    let slow = ["--think=60ms", "--lease=1s", "--node=node1"];
    let mut crew = vec![world.worker(&slow), world.worker(&["--think=60ms", "--lease=1s", "--node=node2"])];
    page.wait_until("Number(document.querySelector('#done').textContent) > 30", BOUND);
    shot(&page, "flow-filling.png");
    assert!(page.eval(PAINTED).as_u64().unwrap() >= 30 * 32 * 32);
    page.wait_until("Number(document.querySelector('#dead').textContent) > 0", BOUND);
    page.wait_until("document.querySelector('#deaths').innerText.includes('flow revive')", BOUND);
    page.wait_until("document.querySelector('#letters-rows').innerText.includes('worker lost on node')", BOUND);
    // The poison has killed one of them; the other goes on until nothing is left that it could do.
    for worker in &mut crew {
        worker.wait();
    }
    // The silent one's job comes back when its lease ends.
    world.worker(&slow).wait();
    page.prefer("color-scheme", "dark");
    page.wait_until("document.querySelector('#running').textContent === '0'", BOUND);
    shot(&page, "flow-dead.png");

    world.server.kill();
    page.wait_until("!document.querySelector('#away').hidden", BOUND);
    assert_eq!(testbed::get(&address, "/readyz").unwrap().status, 503);
    world.server.restart();
    page.wait_until("document.querySelector('#away').hidden", BOUND);

    world.run("revive", &[]);
    world.worker(&slow).wait();
    page.wait_until(
        "document.querySelector('#stage').innerText.includes('9 of 9 rows counted, and the colours are made')",
        BOUND,
    );
    assert_eq!(page.eval(PAINTED), json!(12 * 9 * 32 * 32));
    assert_eq!(page.text("#twice"), "0");
    page.wait_until("document.querySelector('#letters').hidden", BOUND);
    page.wait_until("document.querySelector('#deaths').hidden && !document.querySelector('#marks').hidden", BOUND);
    shot(&page, "flow-done-dark.png");
    page.prefer("color-scheme", "light");
    shot(&page, "flow-done-light.png");
    page.resize(390, 844);
    shot(&page, "flow-done-phone.png");
    assert_eq!(page.eval("document.documentElement.scrollWidth <= innerWidth"), json!(true), "it does not fit a phone");

    // A page that is opened late is sent everything; one that has it is sent nothing again.
    let state: serde_json::Value = serde_json::from_str(&testbed::get(&address, "/api/state").unwrap().body).unwrap();
    assert_eq!(state["tiles"].as_array().unwrap().len(), 12 * 9);
    let after = format!("/api/state?after={}", state["cursor"].as_str().unwrap());
    let state: serde_json::Value = serde_json::from_str(&testbed::get(&address, &after).unwrap().body).unwrap();
    assert_eq!(state["tiles"], json!([]));
}
