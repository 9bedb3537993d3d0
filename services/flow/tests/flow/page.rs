//! The page in a browser, while workers fill the picture.
//!
//! The pictures that are taken on the way are in `target/tmp`, for people to look at.

use std::path::Path;
use std::time::{Duration, Instant};

use flow::Queue;
use mysql_async::prelude::Queryable as _;
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

/// Waits for what the page says of a worker.
fn worker_is(page: &Page<'_>, name: &str, doing: &str, mood: &str) {
    let row = format!("[...document.querySelectorAll('#rows tr')].find((row) => row.cells[1].innerText === '{name}')");
    let cell = format!("(({row})?.cells[2] ?? {{ innerText: '', dataset: {{}} }})");
    page.wait_until(&format!("{cell}.innerText.startsWith('{doing}') && {cell}.dataset.mood === '{mood}'"), BOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_is_silent_when_its_lease_has_ended_and_not_while_its_job_takes_long() {
    let world = World::new();
    world.submit(&["--across=4", "--down=1", "--tile=4"]).await;
    let queue = |lease| Queue::new(world.database.clone(), lease);
    let (long, short) = (queue(Duration::from_secs(600)), queue(Duration::from_millis(1)));
    for owner in ["killed", "busy", "idle", "cut-off"] {
        let queue = if matches!(owner, "killed" | "cut-off") { &short } else { &long };
        let claim = queue.claim(owner, "node1").await.unwrap().expect("a job is ready");
        match owner {
            "idle" => assert!(queue.complete(&claim, &[0; 16]).await.unwrap()),
            "killed" => {
                while queue.take_back().await.unwrap() == 0 {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
            _ => {}
        }
    }
    // All of that was a minute ago.
    let past = "UPDATE attempts SET began = began - INTERVAL 60 SECOND, ended = ended - INTERVAL 60 SECOND";
    world.connection().await.query_drop(past).await.unwrap();

    let mut server = world.start("page", &["--listen=127.0.0.1:0"]);
    let browser = Browser::start();
    let page = browser.open(&format!("http://{}/", server.address()), 1280, 900);
    worker_is(&page, "busy", "tile 0, 0, try 2", "warn");
    worker_is(&page, "cut-off", "silent: its lease ended", "bad");
    worker_is(&page, "killed", "silent: its job was taken back", "warn");
    // A tile is ready, and it does not take it.
    worker_is(&page, "idle", "no job for ", "warn");
    shot(&page, "flow-workers.png");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tile_that_was_lost_is_marked_for_a_time_whoever_has_it_then() {
    let world = World::new();
    world.submit(&["--across=4", "--down=1", "--tile=4"]).await;
    let queue = |lease| Queue::new(world.database.clone(), lease);
    let (long, short) = (queue(Duration::from_secs(600)), queue(Duration::from_millis(1)));
    short.claim("killed", "node1").await.unwrap().expect("a job is ready");
    while short.take_back().await.unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // The time for which it is marked must not run out before the page has looked.
    let late = "UPDATE attempts SET ended = NOW(6) + INTERVAL 600 SECOND WHERE outcome = 'lost'";
    world.connection().await.query_drop(late).await.unwrap();
    let heir = long.claim("heir", "node2").await.unwrap().expect("the job is ready again");

    let mut server = world.start("page", &["--listen=127.0.0.1:0"]);
    let address = server.address();
    let marked = async |running: u64, done: u64| {
        let end = Instant::now() + BOUND;
        loop {
            let state: serde_json::Value =
                serde_json::from_str(&testbed::get(&address, "/api/state").unwrap().body).unwrap();
            let jobs = &state["status"]["jobs"];
            if jobs["running"] == running && jobs["done"] == done {
                return state["marked"].clone();
            }
            assert!(Instant::now() < end, "{running} running and {done} done were not shown within {BOUND:?}: {state}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert_eq!(marked(1, 0).await, json!([{"x": 0, "y": 0, "mark": "lost", "node": "node2"}]));
    let browser = Browser::start();
    let page = browser.open(&format!("http://{address}/"), 1280, 900);
    let point =
        |x, y| format!("String(document.querySelector('#marks').getContext('2d').getImageData({x}, {y}, 1, 1).data)");
    // The frame is red, and within it is the colour of the node that has the tile now.
    page.wait_until(&format!("{} === '255,93,82,255'", point(0, 0)), BOUND);
    assert_eq!(page.eval(&format!("{}.endsWith(',140')", point(2, 2))), json!(true));
    assert!(long.complete(&heir, &[0; 16]).await.unwrap());
    assert_eq!(marked(0, 1).await, json!([{"x": 0, "y": 0, "mark": "lost", "node": null}]));
    page.wait_until(&format!("{} === '255,93,82,255' && {} === '0,0,0,0'", point(0, 0), point(2, 2)), BOUND);
    let over = "UPDATE attempts SET ended = NOW(6) - INTERVAL 5 SECOND WHERE outcome = 'lost'";
    world.connection().await.query_drop(over).await.unwrap();
    long.claim("next", "node2").await.unwrap().expect("a job is ready");
    assert_eq!(marked(1, 1).await, json!([{"x": 1, "y": 0, "mark": "running", "node": "node2"}]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_has_lost_its_data_is_shown_empty_and_a_new_picture_without_the_old_one() {
    let world = World::new();
    let small = ["--across=4", "--down=3", "--tile=8"];
    world.submit(&small).await;
    let quick = ["--think=0", "--node=node1"];
    world.worker(&quick).wait();
    let mut server = world.start("page", &["--listen=127.0.0.1:0"]);
    let browser = Browser::start();
    let page = browser.open(&format!("http://{}/", server.address()), 1280, 900);
    page.wait_until("document.querySelector('#stage').innerText.includes('the colours are made')", BOUND);

    let mut conn = world.connection().await;
    conn.query_drop("DROP TABLE runs, jobs, needs, attempts, effects").await.unwrap();
    page.wait_until("document.querySelector('#stage').innerText.includes('Nothing was submitted yet')", BOUND);
    assert_eq!((page.eval(PAINTED), page.text("#done"), page.text("#all")), (json!(0), "–".into(), "–".into()));
    assert_eq!(page.eval("document.querySelector('#rows').rows.length"), json!(0));
    shot(&page, "flow-lost.png");

    // The first run again, by its number.
    world.submit(&small).await;
    page.wait_until("document.querySelector('#stage').innerText.startsWith('Run 1: 0 of 3')", BOUND);
    assert_eq!(page.eval(PAINTED), json!(0));
    world.worker(&quick).wait();
    page.wait_until("document.querySelector('#stage').innerText.includes('the colours are made')", BOUND);
    page.wait_until(&format!("{PAINTED} === {}", 4 * 3 * 8 * 8), BOUND);

    // The same between two looks of the page: another picture has the number of the one before.
    let fewer = "DELETE effects, jobs FROM jobs LEFT JOIN effects ON effects.job = jobs.id
                 WHERE kind = 'picture' OR kind = 'tile' AND x > 0";
    conn.query_drop("START TRANSACTION").await.unwrap();
    conn.query_drop(fewer).await.unwrap();
    conn.query_drop("UPDATE runs SET token = token + 1").await.unwrap();
    conn.query_drop("COMMIT").await.unwrap();
    page.wait_until("document.querySelector('#all').textContent === '6'", BOUND);
    page.wait_until(&format!("{PAINTED} === {}", 3 * 8 * 8), BOUND);
}
