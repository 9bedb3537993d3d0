//! Reading a body of any size, with bounds on its size and on its pauses.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use http_body_util::{BodyExt, Limited};
use kit::settings::show_size;
use sha2::{Digest, Sha256};
use tokio::time::timeout;

/// How much of a refused body is read and thrown away, so that its sender reads the refusal and not a reset connection.
const LEFTOVER: usize = 64 << 20;

/// How long that may take.
const LEFTOVER_TIME: Duration = Duration::from_secs(5);

/// The SHA-256 digest of a request's body in lowercase hexadecimal, or why it was not hashed, as its sender is told.
pub async fn digest(request: Request, limit: u64, patience: Duration) -> Result<String, (StatusCode, String)> {
    let too_large = || (StatusCode::PAYLOAD_TOO_LARGE, format!("hasher takes bodies of up to {}\n", show_size(limit)));
    let waits = request.headers().contains_key(header::EXPECT);
    let mut body = request.into_body();
    if body.size_hint().lower() > limit {
        // A client that asked first (`Expect: 100-continue`) has not sent anything yet.
        if !waits {
            discard(body);
        }
        return Err(too_large());
    }
    let slow = |_| (StatusCode::REQUEST_TIMEOUT, format!("nothing of the body arrived for {patience:?}\n"));
    let broken = |_| (StatusCode::BAD_REQUEST, "the body ended before its announced length\n".to_owned());
    let mut hash = Sha256::new();
    let mut size = 0;
    while !body.is_end_stream()
        && let Some(frame) = timeout(patience, body.frame()).await.map_err(slow)?
    {
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        size += data.len() as u64;
        if size > limit {
            discard(body);
            return Err(too_large());
        }
        hash.update(&data);
    }
    Ok(base16ct::lower::encode_string(&hash.finalize()))
}

/// Reads the rest of a refused body beside the answer: a client that is still sending when the connection closes would
/// see a reset and never read why.
fn discard(body: Body) {
    let mut rest = Limited::new(body, LEFTOVER);
    tokio::spawn(timeout(LEFTOVER_TIME, async move { while let Some(Ok(_)) = rest.frame().await {} }));
}
