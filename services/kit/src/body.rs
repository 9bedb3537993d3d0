//! Short bodies of requests, which have to be there in time: a body that never comes would hold its connection for ever.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONNECTION;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

/// How long a short body may take to arrive, from the request's head to its last byte.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the sender of a late body is told.
pub const LATE: &str = "the body has not arrived within 10 seconds";

/// What is read of a body, if all of it arrives in time.
#[derive(Debug)]
pub struct InTime<T>(pub T);

/// Why there is nothing to read.
#[derive(Debug)]
pub enum Rejection<R> {
    /// The body was not there in time.
    Late,
    /// It was, and is not what it should be.
    Wrong(R),
}

impl<S: Send + Sync, T: FromRequest<S>> FromRequest<S> for InTime<T> {
    type Rejection = Rejection<T::Rejection>;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let read = timeout(PATIENCE, T::from_request(request, state)).await.map_err(|_| Rejection::Late)?;
        read.map(Self).map_err(Rejection::Wrong)
    }
}

impl<R: IntoResponse> IntoResponse for Rejection<R> {
    fn into_response(self) -> Response {
        match self {
            // In the middle of a body, what else arrives on the connection cannot be told from the rest of it.
            Self::Late => (StatusCode::REQUEST_TIMEOUT, [(CONNECTION, "close")], [LATE, "\n"].concat()).into_response(),
            Self::Wrong(rejection) => rejection.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::{Body, Bytes, HttpBody};
    use hyper::body::Frame;
    use tokio::time::Instant;

    use super::*;

    /// A body whose bytes come one a second, and there is always one more to come.
    struct Endless(Pin<Box<tokio::time::Sleep>>);

    impl HttpBody for Endless {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let next = Instant::now() + Duration::from_secs(1);
            self.0.as_mut().poll(cx).map(|()| {
                self.0.as_mut().reset(next);
                Some(Ok(Frame::data(Bytes::from_static(b"x"))))
            })
        }
    }

    async fn read(body: Body) -> Result<InTime<String>, Rejection<<String as FromRequest<()>>::Rejection>> {
        InTime::from_request(Request::new(body), &()).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_in_time_or_not_at_all() {
        assert_eq!(read(Body::from("all of it")).await.unwrap().0, "all of it");
        assert!(matches!(read(Body::from(vec![0xff])).await, Err(Rejection::Wrong(_))));
        let began = Instant::now();
        let late = read(Body::new(Endless(Box::pin(tokio::time::sleep(Duration::ZERO))))).await.unwrap_err();
        assert_eq!(began.elapsed().as_secs(), PATIENCE.as_secs());
        let answer = late.into_response();
        assert_eq!(
            (answer.status(), &answer.headers()[CONNECTION]),
            (StatusCode::REQUEST_TIMEOUT, &"close".parse().unwrap())
        );
        assert!(LATE.ends_with(&format!(" {} seconds", PATIENCE.as_secs())));
    }
}
