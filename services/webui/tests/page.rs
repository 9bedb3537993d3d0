//! The page in a browser, before a real Redis: what a class sees.
//!
//! The pictures that are taken on the way are in `target/tmp`, for people to look at.

mod crowd;

use std::path::Path;
use std::time::Duration;

use crowd::Crowd;
use ledger::Announcement;
use serde_json::{Value, json};
use testbed::{Browser, Page, Program, RedisServer, free_port};
use tokio::sync::watch;

/// Longer than anything here takes, even on a busy machine.
const BOUND: Duration = Duration::from_secs(60);

/// A view as that of a projector.
const PROJECTOR: (u32, u32) = (1280, 800);

fn start(address: &str, redis: &RedisServer) -> Program {
    let url = redis.url();
    let mut program = Program::start(env!("CARGO_BIN_EXE_webui"), &["--listen", address, "--redis-url", &url]);
    program.address();
    program
}

/// Plays as many workers as the other end of the channel says.
fn play(redis: &RedisServer) -> watch::Sender<usize> {
    let ledger = ledger::in_redis(&redis.url()).unwrap();
    let (count, mut counts) = watch::channel(0);
    tokio::spawn(async move {
        let mut crowd = Crowd::new(ledger);
        while counts.has_changed().is_ok() {
            crowd.scale(*counts.borrow_and_update());
            crowd.advance().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    count
}

fn open<'a>(browser: &'a Browser, address: &str) -> Page<'a> {
    browser.open(&format!("http://{address}/"), PROJECTOR.0, PROJECTOR.1)
}

fn shows_speed(page: &Page<'_>, low: f64, high: f64) {
    let number = "Number(document.querySelector('#speed').textContent)";
    page.wait_until(&format!("{number} >= {low} && {number} <= {high}"), BOUND);
}

fn picture(page: &Page<'_>, name: &str) {
    page.screenshot(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_speed_rises_with_workers_and_a_banner_tells_of_redis() {
    let mut redis = RedisServer::start();
    let address = format!("127.0.0.1:{}", free_port());
    let webui = start(&address, &redis);
    let workers = play(&redis);
    let browser = Browser::start();
    let page = open(&browser, &address);

    page.wait_until("document.querySelector('#summary').innerText.includes('No worker reports')", BOUND);
    workers.send(1).unwrap();
    shows_speed(&page, 3.2, 3.4);
    workers.send(2).unwrap();
    shows_speed(&page, 6.5, 6.8);
    workers.send(10).unwrap();
    shows_speed(&page, 9.9, 10.1);
    page.wait_until("document.querySelectorAll('#rows tr').length === 10", BOUND);
    assert_eq!(page.text("#count"), "10");
    page.wait_until("document.querySelector('#summary').innerText.startsWith('10 of 10 mining')", BOUND);
    assert_eq!(page.text("#source"), "What the 10 workers report.");
    assert_eq!(page.eval("document.querySelectorAll('.banner:not([hidden])').length"), json!(0));
    assert!(page.eval("document.querySelectorAll('.speed-line').length").as_u64().unwrap() > 0);

    redis.kill();
    page.wait_until("!document.querySelector('#away').hidden", BOUND);
    let banner = page.text("#away");
    assert!(banner.starts_with("Redis has been away since "), "{banner}");
    assert!(banner.contains("Workers go on mining and hand in later"), "{banner}");
    assert_eq!(page.text("#speed"), "–");
    page.wait_until("document.querySelectorAll('.gap').length === 1", BOUND);
    picture(&page, "away.png");

    redis.restart();
    page.wait_until("document.querySelector('#away').hidden", BOUND);
    shows_speed(&page, 9.9, 10.1);
    // The gap stays to be seen, and the line goes on after it.
    page.wait_until(
        "document.querySelectorAll('.gap').length === 1 && document.querySelectorAll('.speed-line').length === 2",
        BOUND,
    );

    drop(webui);
    page.wait_until("!document.querySelector('#unreachable').hidden", BOUND);
    assert!(page.text("#unreachable").contains("mining does not depend on this page"), "{}", page.text("#unreachable"));
    let _webui = start(&address, &redis);
    page.wait_until("document.querySelector('#unreachable').hidden", BOUND);
    shows_speed(&page, 9.9, 10.1);
    picture(&page, "projector-light.png");
    page.prefer("color-scheme", "dark");
    picture(&page, "projector-dark.png");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_an_odd_announcement_nor_a_fault_of_the_page_is_a_lost_server() {
    let redis = RedisServer::start();
    let address = format!("127.0.0.1:{}", free_port());
    let _webui = start(&address, &redis);
    let workers = play(&redis);
    workers.send(2).unwrap();
    let (id, now) = ("odd".to_owned(), ledger::now());
    let odd = Announcement { id, now, started: 1e18, ..Announcement::default() };
    ledger::in_redis(&redis.url()).unwrap().announce(&odd, 2 * BOUND).await.unwrap();
    let browser = Browser::start();
    let page = open(&browser, &address);
    page.wait_until("document.querySelectorAll('#rows tr').length === 3", BOUND);
    page.wait_until("document.querySelector('[title$=\"since –\"]')?.innerText === 'odd'", BOUND);
    shows_speed(&page, 6.5, 6.8);

    // Without this element nothing can be shown any more, and the server is asked all the same.
    page.eval("document.querySelector('#source').remove()");
    let asked = "performance.getEntriesByType('resource').length";
    let before = page.eval(asked);
    page.wait_until(&format!("{asked} > {before} + 3"), BOUND);
    assert_eq!(page.eval("document.querySelector('#unreachable').hidden"), json!(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_serves_a_phone_a_keyboard_and_a_screen_reader() {
    let redis = RedisServer::start();
    let address = format!("127.0.0.1:{}", free_port());
    let _webui = start(&address, &redis);
    let workers = play(&redis);
    workers.send(50).unwrap();
    let browser = Browser::start();
    let page = open(&browser, &address);
    page.wait_until("document.querySelectorAll('#rows tr').length === 50", BOUND);
    shows_speed(&page, 9.9, 10.1);

    // The keyboard reaches everything, and the graph tells what is under its cross.
    let mut reached = Vec::new();
    for _ in 0..8 {
        page.press("Tab");
        reached.push(page.eval("document.activeElement.id || document.activeElement.textContent"));
    }
    for wanted in ["theme", "2 min", "5 min", "10 min", "graph"] {
        assert!(reached.contains(&Value::from(wanted)), "{wanted} is not among {reached:?}");
    }
    page.eval("document.querySelector('#graph').focus()");
    for _ in 0..3 {
        page.press("ArrowLeft");
    }
    let told = page.eval("document.querySelector('#graph').getAttribute('aria-valuetext')").to_string();
    assert!(told.contains("hashes/s") && told.contains("ago"), "{told}");
    page.press("Escape");
    assert_eq!(page.eval("document.querySelector('#tip').hidden"), json!(true));

    page.wait_until("document.querySelector('#spoken').textContent.includes('hashes per second')", BOUND);
    page.eval("document.querySelector('#past').open = true");
    page.wait_until("document.querySelectorAll('#past-rows tr').length > 0", BOUND);
    page.eval("document.querySelector('#past').open = false");
    picture(&page, "fifty.png");

    // The theme's button goes round, and its choice outlives the page.
    for theme in ["light", "dark"] {
        page.eval("document.querySelector('#theme').click()");
        assert_eq!(page.eval("document.documentElement.dataset.theme"), json!(theme));
    }
    page.resize(375, 812);
    page.reload(BOUND);
    page.wait_until("document.querySelectorAll('#rows tr').length === 50", BOUND);
    assert_eq!(page.eval("document.documentElement.dataset.theme"), json!("dark"));
    shows_speed(&page, 9.9, 10.1);
    let widest = page.eval("document.documentElement.scrollWidth");
    picture(&page, "phone.png");
    assert_eq!(widest, json!(375), "the page is wider than a phone");
}
