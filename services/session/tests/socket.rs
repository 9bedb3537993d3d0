//! The websocket through a task's life: it comes back to the same session, or says that it is gone.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use testbed::{Program, free_port};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longer than anything here takes, even on a busy machine.
const BOUND: Duration = Duration::from_secs(30);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

fn start(address: &str) -> Program {
    let mut program =
        Program::start(env!("CARGO_BIN_EXE_session"), &["--listen", address, "--tick=50ms", "--max-sockets=2"]);
    program.address();
    program
}

/// A session's cookie, as a browser sends it.
fn cookie(address: &str) -> String {
    let answer = testbed::get(address, "/whoami").unwrap();
    let line = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    line.split(';').next().unwrap().to_owned()
}

async fn open(address: &str, cookie: Option<&str>) -> Socket {
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    if let Some(cookie) = cookie {
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
    }
    connect_async(request).await.unwrap().0
}

async fn next(socket: &mut Socket) -> Message {
    timeout(BOUND, socket.next()).await.expect("a message in time").expect("no end without a farewell").unwrap()
}

async fn tick(socket: &mut Socket) -> (u64, String) {
    let tick: Value = serde_json::from_str(next(socket).await.to_text().unwrap()).unwrap();
    (tick["tick"].as_u64().unwrap(), tick["session"].as_str().unwrap().to_owned())
}

/// Others are still answered: a task that has as many as it takes is not ill.
#[tokio::test]
async fn more_websockets_than_it_takes_are_refused_until_one_ends() {
    let address = format!("127.0.0.1:{}", free_port());
    let _task = start(&address);
    let (mut first, mut second) = (open(&address, None).await, open(&address, None).await);
    tick(&mut first).await;
    tick(&mut second).await;
    let refused = connect_async(format!("ws://{address}/ws")).await.unwrap_err();
    assert!(refused.to_string().contains("503"), "{refused}");
    assert!(testbed::get(&address, "/healthz").unwrap().head.contains("200"));
    drop(first);
    let again = async {
        while connect_async(format!("ws://{address}/ws")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(BOUND, again).await.expect("the first one's place is free");
}

/// A visitor has nothing to say, and cannot fill the memory by saying it.
#[tokio::test]
async fn a_websocket_on_which_too_much_is_said_ends() {
    let address = format!("127.0.0.1:{}", free_port());
    let _task = start(&address);
    let mut socket = open(&address, None).await;
    socket.send(Message::text("x".repeat(1024))).await.unwrap();
    for _ in 0..5 {
        tick(&mut socket).await;
    }
    socket.send(Message::text("x".repeat(1025))).await.unwrap();
    let ended = async { while let Some(Ok(Message::Text(_))) = socket.next().await {} };
    timeout(BOUND, ended).await.expect("an end");
}

#[tokio::test]
async fn a_websocket_comes_back_to_its_session_until_the_task_is_gone() {
    let address = format!("127.0.0.1:{}", free_port());
    let mut task = start(&address);
    let cookie = cookie(&address);
    let mut socket = open(&address, Some(&cookie)).await;
    assert_eq!(tick(&mut socket).await, (1, "kept".to_owned()));
    assert_eq!(tick(&mut socket).await, (2, "kept".to_owned()));
    // The connection breaks; the session does not.
    drop(socket);
    let mut socket = open(&address, Some(&cookie)).await;
    assert_eq!(tick(&mut socket).await, (1, "kept".to_owned()));
    assert_eq!(tick(&mut open(&address, None).await).await, (1, "none".to_owned()));

    task.signal("TERM");
    let farewell = loop {
        match next(&mut socket).await {
            Message::Close(frame) => break frame.expect("a reason"),
            _ => continue,
        }
    };
    assert_eq!((farewell.code, farewell.reason.as_str()), (CloseCode::Restart, "this task stops"));
    drop(socket);
    assert_eq!(task.wait(), Some(0), "{}", task.log());

    let _another = start(&address);
    assert_eq!(tick(&mut open(&address, Some(&cookie)).await).await, (1, "gone".to_owned()));
}
