//! A Swarm that is a list in memory, and an API before it.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::{Request, Response, StatusCode, request};
use bollard::models::{Service as SwarmService, ServiceSpec};
use clap::{Args, FromArgMatches};
use environments::{Clock, Config, Environment, Error, Keys, Scheduler, Service, State, Template, Users};
use hyper::body::Frame;
use kit::metrics::Metrics;
use serde_json::Value;
use tokio::time::timeout;
use tower::ServiceExt;

/// When the tests' clock begins, in seconds since 1970.
pub const BEGIN: u64 = 1_000_000;

/// What `ada` and `bob` show.
pub const ADA: &str = "ada-0123456789abcdef";
/// Another user's.
pub const BOB: &str = "bob-0123456789abcdef";

/// A Swarm that keeps services, and runs nothing.
pub struct Fake {
    pub services: Mutex<Vec<Environment>>,
    pub clock: Arc<AtomicU64>,
    /// It does nothing, and says so.
    pub down: AtomicBool,
    /// It does what it is asked, and its answer is lost.
    pub mute: AtomicBool,
    /// It does not end the environment of this name.
    pub stuck: Mutex<Option<String>>,
    ticks: AtomicU64,
}

impl Fake {
    pub fn new() -> Arc<Self> {
        let clock = Arc::new(AtomicU64::new(BEGIN));
        let (services, down, mute, stuck, ticks) = Default::default();
        Arc::new(Self { services, clock, down, mute, stuck, ticks })
    }

    pub fn names(&self) -> Vec<String> {
        self.services.lock().unwrap().iter().map(|one| one.id.clone()).collect()
    }

    async fn answer(&self) -> Result<(), Error> {
        // Others come in between, as they do when an answer travels.
        tokio::task::yield_now().await;
        if self.down.load(Ordering::SeqCst) { Err(Error::new("answer", "it is down")) } else { Ok(()) }
    }

    async fn done<T>(&self, outcome: T) -> Result<T, Error> {
        tokio::task::yield_now().await;
        if self.mute.load(Ordering::SeqCst) { Err(Error::new("answer", "the connection broke")) } else { Ok(outcome) }
    }
}

#[async_trait]
impl Scheduler for Fake {
    async fn list(&self) -> Result<Vec<Environment>, Error> {
        self.answer().await?;
        let all = self.services.lock().unwrap().clone();
        self.done(all).await
    }

    async fn create(&self, spec: ServiceSpec) -> Result<bool, Error> {
        self.answer().await?;
        let created = {
            let mut services = self.services.lock().unwrap();
            let taken = services.iter().any(|one| Some(&one.id) == spec.name.as_ref());
            if !taken {
                let number = self.ticks.fetch_add(1, Ordering::SeqCst);
                let id = Some(format!("service{number}"));
                let service = SwarmService { id, spec: Some(spec), ..SwarmService::default() };
                let mut environment = Environment::read(&service, &[]).expect("an environment");
                let tick = Duration::from_micros(number);
                environment.created =
                    SystemTime::UNIX_EPOCH + Duration::from_secs(self.clock.load(Ordering::SeqCst)) + tick;
                environment.state = State::Ready;
                services.push(environment);
            }
            !taken
        };
        self.done(created).await
    }

    async fn remove(&self, environment: &Environment) -> Result<bool, Error> {
        self.answer().await?;
        if self.stuck.lock().unwrap().as_ref() == Some(&environment.id) {
            return Err(Error::new("remove an environment", "it stays"));
        }
        let removed = {
            let mut services = self.services.lock().unwrap();
            let before = services.len();
            services.retain(|one| one.service != environment.service);
            services.len() < before
        };
        self.done(removed).await
    }
}

/// A body of which nothing arrives.
struct Never;

impl HttpBody for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// Settings from a command line, as the program reads them.
pub fn settings<T: Args + FromArgMatches>(line: &str) -> T {
    let command = T::augment_args(clap::Command::new("test").no_binary_name(true));
    T::from_arg_matches(&command.get_matches_from(line.split_whitespace())).unwrap()
}

pub fn template() -> Template {
    settings("--image rng=registry/rng:1 --image hasher=registry/hasher:1")
}

/// An API that was just started on what the Swarm knows.
pub fn start(swarm: &Arc<Fake>, limit: usize) -> (Router, Arc<Service>) {
    let metrics = Metrics::new("environments");
    let config: Config = settings(&format!("--limit {limit} --lifetime 10m --longest 60m"));
    let users = Users::parse(&format!("ada {ADA}\nbob {BOB}\n")).unwrap();
    let keys = Keys::new("the key of the tests").unwrap();
    let seconds = swarm.clock.clone();
    let clock: Clock = Arc::new(move || seconds.load(Ordering::SeqCst));
    let service = Arc::new(Service::new(config, template(), users, keys, swarm.clone(), clock, &metrics));
    (environments::api::app(service.clone(), &metrics), service)
}

pub async fn send(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.unwrap()
}

/// Sends a request of whose body nothing arrives.
pub async fn send_without_end(app: &Router, request: request::Builder) -> Response<Body> {
    let request = request.body(Body::new(Never)).unwrap();
    timeout(Duration::from_secs(60), send(app, request)).await.expect("an answer")
}

pub async fn json(response: Response<Body>) -> Value {
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).expect("JSON") }
}

pub async fn ask(app: &Router, method: &str, path: &str, token: &str) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
    let response = send(app, request.body(Body::empty()).unwrap()).await;
    (response.status(), json(response).await)
}

pub async fn post(app: &Router, token: &str, key: &str, body: &str) -> (StatusCode, Value) {
    let request = Request::post("/environments")
        .header("authorization", format!("Bearer {token}"))
        .header("idempotency-key", key)
        .header("content-type", "application/json");
    let response = send(app, request.body(Body::from(body.to_owned())).unwrap()).await;
    (response.status(), json(response).await)
}
