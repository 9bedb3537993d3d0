//! A router with one route in front of it, for the request that a service is there for.
//!
//! Axum's router finds a route by its path, clones it, boxes its future and its body. That is a third of what hasher's own code
//! does for a small request, so the one request that comes by the hundred thousand does not go that way.

use std::convert::Infallible;
use std::future::Future;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use futures_util::future::Either;
use hyper::body::Incoming;
use tower::Service;

/// A router with one route in front of it.
#[derive(Debug, Clone)]
pub struct Express<F> {
    takes: fn(&Method, &str) -> bool,
    handle: F,
    router: Router,
}

impl<F> Express<F> {
    /// Requests whose method and path `takes` takes go to `handle`, all others to `router`.
    pub fn new(takes: fn(&Method, &str) -> bool, handle: F, router: Router) -> Self {
        Self { takes, handle, router }
    }
}

impl<F, A> Service<Request<Incoming>> for Express<F>
where
    F: Fn(Request<Incoming>) -> A,
    A: Future<Output = Result<Response, Infallible>>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<A, RouteFuture<Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        if (self.takes)(request.method(), request.uri().path()) {
            Either::Left((self.handle)(request))
        } else {
            Either::Right(self.router.call(request))
        }
    }
}
