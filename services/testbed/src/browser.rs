//! Chromium without a window, for looking at pages the way a person does.
//!
//! It is driven by its own protocol over a pair of pipes: JSON messages that end in a zero byte. That needs no port, no
//! driver program and no WebSocket.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::collect;
use crate::wait::wait_for;

/// How long the browser may take for one answer: its first one comes after its start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The browser takes its protocol from descriptors 3 and 4; a shell puts what we are given as 0 and 1 there.
const PIPES: &str = r#"exec chromium "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// A running browser; ended when dropped.
#[derive(Debug)]
pub struct Browser {
    wire: Mutex<Wire>,
    child: Child,
    log: Arc<Mutex<String>>,
    // The browser writes to it until it ends, hence last.
    _profile: TempDir,
}

#[derive(Debug)]
struct Wire {
    to: ChildStdin,
    from: Receiver<Value>,
    last: u64,
}

impl Browser {
    /// Starts Chromium.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub fn start() -> Self {
        let profile = TempDir::new().expect("a folder for the browser's profile");
        let folder = format!("--user-data-dir={}", profile.path().display());
        #[rustfmt::skip]
        let args = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
            "--disable-dev-shm-usage", "--remote-debugging-pipe", &folder, "about:blank",
        ];
        let mut child = Command::new("sh")
            .args(["-c", PIPES, "chromium"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sh can be run");
        let log = Arc::new(Mutex::new(String::new()));
        collect(child.stderr.take(), &log);
        let to = child.stdin.take().expect("it was piped");
        let messages = BufReader::new(child.stdout.take().expect("it was piped"));
        let (sender, from) = mpsc::channel();
        thread::spawn(move || {
            for message in messages.split(0) {
                let message = message.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
                let Some(message) = message else { return };
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let browser = Self { wire: Mutex::new(Wire { to, from, last: 0 }), child, log, _profile: profile };
        browser.call(None, "Browser.getVersion", json!({}));
        browser
    }

    /// Opens a page in a view of so many pixels.
    ///
    /// # Panics
    /// When the browser does not obey.
    pub fn open(&self, url: &str, width: u32, height: u32) -> Page<'_> {
        let target = self.call(None, "Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call(None, "Target.attachToTarget", attach);
        let page =
            Page { browser: self, session: session["sessionId"].as_str().expect("a session has an id").to_owned() };
        page.resize(width, height);
        page.call("Page.enable", json!({}));
        let outcome = page.call("Page.navigate", json!({ "url": url }));
        assert!(outcome["errorText"].is_null(), "cannot open {url}: {outcome}");
        page
    }

    fn call(&self, session: Option<&str>, method: &str, params: Value) -> Value {
        let mut wire = self.wire.lock().expect("no call panics while it holds the wire");
        wire.last += 1;
        let id = wire.last;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        let sent = write!(wire.to, "{message}\0").and_then(|()| wire.to.flush());
        let start = Instant::now();
        let answer = loop {
            let left = PATIENCE.saturating_sub(start.elapsed());
            match wire.from.recv_timeout(left) {
                Ok(answer) if answer["id"] == json!(id) => break answer,
                // An event, or an answer that nobody waits for any more.
                Ok(_) => {}
                Err(_) => {
                    drop(wire);
                    panic!(
                        "no answer to {method} ({sent:?}); `apt-get install chromium` installs the browser; its log:\n{}",
                        self.log.lock().expect("no collector panics")
                    );
                }
            }
        };
        drop(wire);
        assert!(answer["error"].is_null(), "{method} failed: {}", answer["error"]);
        answer["result"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An open page.
#[derive(Debug)]
pub struct Page<'a> {
    browser: &'a Browser,
    session: String,
}

impl Page<'_> {
    /// The value of a JavaScript expression, awaited where it is a promise.
    ///
    /// # Errors
    /// The exception that it threw.
    pub fn try_eval(&self, expression: &str) -> Result<Value, String> {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", params);
        match &answer["exceptionDetails"] {
            Value::Null => Ok(answer["result"]["value"].clone()),
            thrown => Err(format!("`{expression}` threw {thrown}")),
        }
    }

    /// The value of a JavaScript expression.
    ///
    /// # Panics
    /// When it throws.
    pub fn eval(&self, expression: &str) -> Value {
        self.try_eval(expression).unwrap_or_else(|thrown| panic!("{thrown}"))
    }

    /// The text of the first element that a selector finds, as a person reads it.
    ///
    /// # Panics
    /// When there is none.
    pub fn text(&self, selector: &str) -> String {
        let value = self.eval(&format!("document.querySelector({}).innerText", json!(selector)));
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a JavaScript expression is true.
    ///
    /// # Panics
    /// When the bound is passed, with what the page showed then.
    pub fn wait_until(&self, condition: &str, bound: Duration) {
        wait_for(&format!("`{condition}` in the page"), bound, || {
            match self.try_eval(&format!("Boolean({condition})")) {
                Ok(Value::Bool(true)) => Ok(()),
                Ok(_) => Err(self.eval("document.body ? document.body.innerText : ''").to_string()),
                Err(thrown) => Err(thrown),
            }
        });
    }

    /// Loads the page again; the old document is gone and the new one is complete when this returns.
    ///
    /// # Panics
    /// When the bound is passed.
    pub fn reload(&self, bound: Duration) {
        // What a script left in the window goes with the old document, which answers until the new one takes its place.
        self.eval("window.old_document = true");
        self.call("Page.reload", json!({}));
        self.wait_until("!window.old_document && document.readyState === 'complete'", bound);
    }

    /// Gives the view another size, in pixels.
    pub fn resize(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// Says what the person prefers, as `prefer("color-scheme", "dark")`.
    pub fn prefer(&self, feature: &str, value: &str) {
        let features = json!([{ "name": format!("prefers-{feature}"), "value": value }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Presses a key that has a name, as `Tab` or `ArrowLeft`.
    pub fn press(&self, key: &str) {
        // The browser moves the focus by the code of the key, not by its name.
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "ArrowLeft" => 37,
            "ArrowRight" => 39,
            _ => 0,
        };
        for kind in ["rawKeyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Writes what the view shows to a PNG file.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn screenshot(&self, file: impl AsRef<Path>) {
        let answer = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        let text = answer["data"].as_str().expect("a picture in base64");
        let bytes = BASE64_STANDARD.decode(text).expect("a picture in base64");
        std::fs::write(file.as_ref(), bytes)
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", file.as_ref().display()));
    }

    fn call(&self, method: &str, params: Value) -> Value {
        self.browser.call(Some(&self.session), method, params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_opened_and_asked() {
        let browser = Browser::start();
        let page = browser.open("data:text/html,<p id=here>said</p>", 320, 200);
        page.wait_until("document.querySelector('#here')", Duration::from_secs(20));
        assert_eq!(page.text("#here"), "said");
        assert_eq!(page.eval("innerWidth"), json!(320));
        assert!(page.try_eval("nobody.there").unwrap_err().contains("nobody is not defined"));
        page.prefer("color-scheme", "dark");
        assert_eq!(page.eval("matchMedia('(prefers-color-scheme: dark)').matches"), json!(true));
        page.eval("document.querySelector('#here').remove()");
        page.reload(Duration::from_secs(20));
        assert_eq!(page.text("#here"), "said");
        let file = TempDir::new().unwrap();
        let file = file.path().join("view.png");
        page.screenshot(&file);
        assert!(std::fs::read(file).unwrap().starts_with(b"\x89PNG"));
    }
}
