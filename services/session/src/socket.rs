//! The websocket: a tick now and then, which says who ticks and whether the visitor's session is there.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use crate::Service;

/// One message.
#[derive(Debug, Serialize)]
struct Tick<'a> {
    task: &'a str,
    node: &'a str,
    tick: u64,
    session: &'static str,
    visits: u64,
}

/// Ticks until the visitor goes, or this task is told to stop. `id` is the session that the visitor's cookie names.
pub async fn tick(mut socket: WebSocket, service: Arc<Service>, id: Option<String>) {
    let mut clock = interval(service.config.tick);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = 0;
    loop {
        tokio::select! {
            _ = clock.tick() => {
                number += 1;
                if socket.send(message(&service, id.as_deref(), number)).await.is_err() {
                    return;
                }
            }
            said = socket.recv() => if !matches!(said, Some(Ok(_))) {
                return;
            },
            () = service.stop.cancelled() => {
                // Who is told so comes back at once, and the balancer leads to another task.
                let code = close_code::RESTART;
                let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: "this task stops".into() }))).await;
                return;
            }
        }
    }
}

fn message(service: &Service, id: Option<&str>, tick: u64) -> Message {
    let session = id.and_then(|id| service.sessions.get(id));
    let state = match (id, &session) {
        (None, _) => "none",
        (Some(_), Some(_)) => "kept",
        (Some(_), None) => "gone",
    };
    let visits = session.map_or(0, |session| session.visits);
    let tick = Tick { task: &service.task, node: &service.config.node, tick, session: state, visits };
    let text = serde_json::to_vec(&tick).expect("names and numbers are JSON");
    Message::Text(Bytes::from(text).try_into().expect("JSON is UTF-8"))
}
