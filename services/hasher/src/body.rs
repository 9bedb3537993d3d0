//! Reading a body of any size, with bounds on its size and on its pauses.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header;
use http_body::Frame;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};

/// Why a body was not hashed.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is, or announces to be, larger than the limit.
    TooLarge,
    /// Nothing of it arrived for too long.
    TooSlow,
    /// It ended before its end.
    Broken,
}

/// How much of a refused body is read and thrown away, so that its sender reads the refusal and not a reset connection.
const LEFTOVER: u64 = 64 << 20;

/// How long that may take.
const LEFTOVER_TIME: Duration = Duration::from_secs(5);

/// The SHA-256 digest of a request's body in lowercase hexadecimal.
pub async fn digest(request: Request, limit: u64, patience: Duration) -> Result<String, Refusal> {
    let waits = request.headers().contains_key(header::EXPECT);
    let mut body = request.into_body();
    if body.size_hint().lower() > limit {
        // A client that asked first (`Expect: 100-continue`) has not sent anything yet.
        if !waits {
            discard(body);
        }
        return Err(Refusal::TooLarge);
    }
    let mut hash = Sha256::new();
    let mut size = 0;
    while let Some(frame) = next(&mut body, patience).await? {
        let Ok(data) = frame.map_err(|_| Refusal::Broken)?.into_data() else {
            continue;
        };
        size += data.len() as u64;
        if size > limit {
            discard(body);
            return Err(Refusal::TooLarge);
        }
        hash.update(&data);
    }
    Ok(base16ct::lower::encode_string(&hash.finalize()))
}

/// The next piece of the body, within the bound. What has already arrived is taken without setting a timer.
async fn next(body: &mut Body, patience: Duration) -> Result<Option<Result<Frame<Bytes>, axum::Error>>, Refusal> {
    let mut frame = body.frame();
    if let std::task::Poll::Ready(frame) = futures_util::poll!(&mut frame) {
        return Ok(frame);
    }
    tokio::time::timeout(patience, frame).await.map_err(|_| Refusal::TooSlow)
}

/// Reads the rest of a refused body beside the answer: a client that is still sending when the connection closes would
/// see a reset and never read why.
fn discard(mut body: Body) {
    tokio::spawn(tokio::time::timeout(LEFTOVER_TIME, async move {
        let mut left = LEFTOVER;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, |data| data.len() as u64);
            left = match left.checked_sub(size) {
                Some(left) => left,
                None => break,
            };
        }
    }));
}
