//! The HTTP API.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use kit::body::{InTime, Rejection};
use kit::metrics::Metrics;
use kit::{ops, settings};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use serde::Deserialize;
use serde_json::json;

use crate::environment::Shown;
use crate::problem::Problem;
use crate::users::fingerprint;
use crate::{Environment, Error, Keys, Labels, Scheduler, Template, Users, is_name};

/// The longest body of a request, in bytes.
const LONGEST_BODY: usize = 4 << 10;

/// The longest `Idempotency-Key`, in bytes.
const LONGEST_KEY: usize = 128;

/// The shortest life of an environment: it needs some seconds to start.
const SHORTEST_LIFE: Duration = Duration::from_secs(5);

/// Seconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The clock of this machine.
pub fn system_clock() -> Clock {
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

/// What users may have.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// How many environments a user may have at a time
    #[arg(long, env = "ENVIRONMENTS_LIMIT", default_value = "3", value_name = "N")]
    pub limit: usize,
    /// How long an environment lives unless its user says otherwise
    #[arg(long, env = "ENVIRONMENTS_LIFETIME", value_parser = settings::timeout, default_value = "60m", value_name = "TIME")]
    pub lifetime: Duration,
    /// The longest life that a user may ask for
    #[arg(long, env = "ENVIRONMENTS_LONGEST", value_parser = settings::timeout, default_value = "480m", value_name = "TIME")]
    pub longest: Duration,
    /// Where an environment answers; `{}` stands for its id
    #[arg(long, env = "ENVIRONMENTS_ADDRESS", default_value = "http://{}.localhost:8000/", value_name = "URL")]
    pub address: String,
    /// How often to look for what has expired
    #[arg(long, env = "ENVIRONMENTS_REAP_EVERY", value_parser = settings::timeout, default_value = "2s", value_name = "TIME")]
    pub reap_every: Duration,
}

impl Config {
    /// Whether users can have what they get without asking for a lifetime.
    ///
    /// # Errors
    /// One line that names the settings to change.
    pub fn check(&self) -> Result<(), String> {
        if (SHORTEST_LIFE..=self.longest).contains(&self.lifetime) {
            return Ok(());
        }
        let [lifetime, longest, shortest] =
            [self.lifetime, self.longest, SHORTEST_LIFE].map(humantime::format_duration);
        Err(format!(
            "--lifetime is {lifetime}, and --longest {longest}: an environment lives {shortest} at least, and --longest at most"
        ))
    }
}

/// What is counted.
#[derive(Debug, Default)]
pub struct Count {
    /// Environments made.
    pub made: Counter,
    /// Environments that their users ended.
    pub removed: Counter,
    /// Environments that expired, or were beyond a limit.
    pub expired: Counter,
    /// Environments that there are.
    pub present: Gauge,
}

/// All that the handlers share. None of it is a store.
pub struct Service {
    pub(crate) config: Config,
    template: Template,
    users: Users,
    keys: Keys,
    pub(crate) scheduler: Arc<dyn Scheduler>,
    clock: Clock,
    pub(crate) count: Count,
    ready: RwLock<Result<(), String>>,
}

type Shared = State<Arc<Service>>;

impl Service {
    /// Puts the parts together.
    pub fn new(
        config: Config,
        template: Template,
        users: Users,
        keys: Keys,
        scheduler: Arc<dyn Scheduler>,
        clock: Clock,
        metrics: &Metrics,
    ) -> Self {
        let count = Count::default();
        metrics.register(|registry| {
            registry.register("made", "Environments made", count.made.clone());
            registry.register("removed", "Environments that their users ended", count.removed.clone());
            registry.register("expired", "Environments that were ended for them", count.expired.clone());
            registry.register("present", "Environments at the last look", count.present.clone());
        });
        let ready = RwLock::new(Err("the Swarm was not asked yet".to_owned()));
        Self { config, template, users, keys, scheduler, clock, count, ready }
    }

    pub(crate) fn now(&self) -> u64 {
        (self.clock)()
    }

    /// Notes whether the Swarm has answered.
    pub(crate) fn tell_whether_ready(&self, outcome: Result<(), Error>) {
        *self.ready.write().unwrap_or_else(PoisonError::into_inner) = outcome.map_err(|error| error.to_string());
    }

    fn shown<'a>(&'a self, environment: &'a Environment) -> Shown<'a> {
        let name = self.template.images.iter().find(|(_, image)| *image == environment.image);
        let image = name.map_or(environment.image.as_str(), |(name, _)| name);
        Shown::new(environment, image, self.config.address.replace("{}", &environment.id))
    }

    /// The life that a user asked for, in seconds.
    fn lifetime(&self, asked: Option<&str>) -> Result<u64, Problem> {
        let wrong = |reason: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("lifetime: {reason}"));
        let lifetime = asked.map_or(Ok(self.config.lifetime), |text| settings::duration(text).map_err(wrong))?;
        let longest = self.config.longest;
        if lifetime < SHORTEST_LIFE || lifetime > longest {
            return Err(wrong(format!("from {} s to {} s", SHORTEST_LIFE.as_secs(), longest.as_secs())));
        }
        Ok(lifetime.as_secs())
    }

    /// The image that a user asked for, by the name that users have for it.
    fn image(&self, asked: Option<&str>) -> Result<&str, Problem> {
        let mut images = self.template.images.iter();
        let image = images.find(|(name, _)| asked.is_none_or(|asked| asked == name)).map(|(_, image)| image.as_str());
        image.ok_or_else(|| {
            let names: Vec<&str> = self.template.images.iter().map(|(name, _)| name.as_str()).collect();
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("image: one of {}", names.join(", ")))
        })
    }
}

/// The routes.
pub fn app(service: Arc<Service>, metrics: &Metrics) -> Router {
    let readiness = service.clone();
    let readiness = move || readiness.ready.read().unwrap_or_else(PoisonError::into_inner).clone();
    let openapi = ([(header::CONTENT_TYPE, "application/json")], include_str!("openapi.json"));
    Router::new()
        .route("/environments", get(list).post(create))
        .route("/environments/{id}", get(show).delete(remove))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(service)
        .route("/openapi.json", get(async move || openapi))
        .merge(ops::routes(metrics.clone(), readiness))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "GET /openapi.json tells which methods there are")
        })
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "there is no such route; GET /openapi.json lists them"))
}

/// Who asks.
struct User(String);

impl FromRequestParts<Arc<Service>> for User {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, token) = authorization.and_then(|value| value.split_once(' ')).unwrap_or_default();
        let user = service.users.whose(token.trim()).filter(|_| scheme.eq_ignore_ascii_case("bearer"));
        let user = user.ok_or_else(|| {
            Problem::new(StatusCode::UNAUTHORIZED, "send your token, as in `Authorization: Bearer TOKEN`")
        })?;
        Ok(Self(user.to_owned()))
    }
}

/// What a user can say about a new environment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    image: Option<String>,
    lifetime: Option<String>,
}

async fn create(
    State(service): Shared,
    User(user): User,
    headers: HeaderMap,
    body: Result<InTime<Json<Asked>>, Rejection<JsonRejection>>,
) -> Result<Response, Problem> {
    let id = service.keys.name(&user, idempotency_key(&headers)?);
    let InTime(Json(Asked { image, lifetime })) = body?;
    let (image, lifetime) = (service.image(image.as_deref())?, service.lifetime(lifetime.as_deref())?);
    let request = fingerprint(&format!("{image} {lifetime}"));
    let (now, limit) = (service.now(), service.config.limit);

    let all = service.scheduler.list().await?;
    let own = by_age(&all, &user, now);
    if let Some(same) = own.iter().find(|one| one.id == id) {
        return accepted(&service, same, &request, is_beyond(&own, &id, limit));
    }
    if own.len() >= limit {
        return Err(too_many(limit));
    }
    let labels = Labels { user: user.clone(), expires: now + lifetime, request: request.clone() };
    let made = service.scheduler.create(service.template.service(&id, image, &labels)).await?;
    // Others may have made some since. All look after they have made theirs, so of too many the last ones see that they are.
    let all = service.scheduler.list().await?;
    let own = by_age(&all, &user, now);
    let beyond = is_beyond(&own, &id, limit);
    let Some(same) = own.iter().find(|one| one.id == id) else {
        let reason = "the environment of this Idempotency-Key is being removed at this moment; ask again in a second";
        return Err(Problem::new(StatusCode::CONFLICT, reason));
    };
    if made && beyond {
        service.scheduler.remove(same).await?;
    } else if made {
        tracing::info!(environment = id, user, "made");
        service.count.made.inc();
    }
    accepted(&service, same, &request, beyond)
}

/// The answer to a request whose environment is there.
fn accepted(service: &Service, environment: &Environment, request: &str, beyond: bool) -> Result<Response, Problem> {
    if beyond {
        return Err(too_many(service.config.limit));
    }
    if environment.labels.request != request {
        let reason = "this Idempotency-Key has made an environment with another image or lifetime; take a new key";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason));
    }
    let location = [(header::LOCATION, format!("/environments/{}", environment.id))];
    Ok((StatusCode::ACCEPTED, location, Json(service.shown(environment))).into_response())
}

fn too_many(limit: usize) -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        format!("you have {limit} environments, the most at a time; DELETE one"),
    )
}

fn idempotency_key(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let key = keys.next().filter(|_| keys.next().is_none()).and_then(|key| key.to_str().ok());
    key.filter(|key| (1..=LONGEST_KEY).contains(&key.len())).ok_or_else(|| {
        let reason =
            format!("send one header Idempotency-Key of 1 to {LONGEST_KEY} characters; a new one for each environment");
        Problem::new(StatusCode::BAD_REQUEST, reason)
    })
}

async fn list(State(service): Shared, User(user): User) -> Result<Response, Problem> {
    let all = service.scheduler.list().await?;
    let own = by_age(&all, &user, service.now());
    let own: Vec<Shown<'_>> = own.into_iter().map(|one| service.shown(one)).collect();
    Ok(Json(json!({"environments": own, "limit": service.config.limit})).into_response())
}

/// The identifier in a path, if it can be read.
type Id = Result<Path<String>, PathRejection>;

async fn show(State(service): Shared, User(user): User, id: Id) -> Result<Response, Problem> {
    let environment = own(&service, &user, id).await?;
    Ok(Json(service.shown(&environment)).into_response())
}

async fn remove(State(service): Shared, User(user): User, id: Id) -> Result<StatusCode, Problem> {
    let environment = own(&service, &user, id).await?;
    if !service.scheduler.remove(&environment).await? {
        return Err(Problem::not_found());
    }
    tracing::info!(environment = environment.id, user, "removed");
    service.count.removed.inc();
    Ok(StatusCode::NO_CONTENT)
}

/// The environment, if it is the user's own. A stranger's is not told from one that is not there.
async fn own(service: &Service, user: &str, id: Id) -> Result<Environment, Problem> {
    let id = id.ok().map(|Path(id)| id).filter(|id| is_name(id)).ok_or_else(Problem::not_found)?;
    let (all, now) = (service.scheduler.list().await?, service.now());
    let own = by_age(&all, user, now).into_iter().find(|one| one.id == id);
    own.cloned().ok_or_else(Problem::not_found)
}

/// A user's environments that have not expired, the oldest first.
pub(crate) fn by_age<'a>(all: &'a [Environment], user: &str, now: u64) -> Vec<&'a Environment> {
    let own = all.iter().filter(|one| one.labels.user == user && one.labels.expires > now);
    let mut own: Vec<&Environment> = own.collect();
    own.sort_by_key(|one| (one.created, one.id.as_str()));
    own
}

/// Whether an environment is among those that are too many: the oldest may stay.
pub(crate) fn is_beyond(own: &[&Environment], id: &str, limit: usize) -> bool {
    own.iter().skip(limit).any(|one| one.id == id)
}
