//! The Swarm, as environments need it: list, create, remove.

use async_trait::async_trait;
use bollard::API_DEFAULT_VERSION;
use bollard::errors::Error as ApiError;
use bollard::models::ServiceSpec;
use bollard::query_parameters::{ListServicesOptions, ListTasksOptions};
use tokio::sync::OnceCell;

use crate::Environment;

/// How long an answer may take, in seconds. Managers that have lost their leader need some to agree on another.
const ANSWER_WITHIN: u64 = 15;

/// The Swarm did not do what it was asked to, or it cannot be known whether it did.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {cause}")]
pub struct Error {
    what: &'static str,
    cause: String,
}

impl Error {
    /// What could not be done, and why.
    pub fn new(what: &'static str, cause: impl ToString) -> Self {
        Self { what, cause: cause.to_string() }
    }
}

/// Where environments are kept, and run.
#[async_trait]
pub trait Scheduler: Send + Sync {
    /// All environments of all users.
    async fn list(&self) -> Result<Vec<Environment>, Error>;
    /// Creates a service; false where there is one of that name.
    async fn create(&self, service: ServiceSpec) -> Result<bool, Error>;
    /// Removes this very environment; false where it is gone. Another may have its name by now.
    async fn remove(&self, environment: &Environment) -> Result<bool, Error>;
}

/// The Swarm behind Docker's API, or the part of it that the proxy lets through.
#[derive(Debug)]
pub struct Docker {
    client: bollard::Docker,
    /// The same, once both sides have agreed on a version.
    agreed: OnceCell<bollard::Docker>,
}

impl Docker {
    /// The engine at `tcp://host:port`; nothing is sent yet.
    ///
    /// # Errors
    /// A line that names the setting.
    pub fn new(address: &str) -> Result<Self, String> {
        let client = bollard::Docker::connect_with_http(address, ANSWER_WITHIN, API_DEFAULT_VERSION)
            .map_err(|error| format!("--docker {address}: {error}"))?;
        Ok(Self { client, agreed: OnceCell::new() })
    }

    async fn client(&self) -> Result<&bollard::Docker, Error> {
        let agree = || async { self.client.clone().negotiate_version().await };
        self.agreed.get_or_try_init(agree).await.map_err(|error| Error::new("agree on a version with Docker", error))
    }
}

#[async_trait]
impl Scheduler for Docker {
    async fn list(&self) -> Result<Vec<Environment>, Error> {
        let client = self.client().await?;
        let failed = |error: ApiError| Error::new("list environments", error);
        // Services first: one that appears in between has no tasks yet, and one whose tasks are gone is pending.
        let services = client.list_services(None::<ListServicesOptions>).await.map_err(failed)?;
        let tasks = client.list_tasks(None::<ListTasksOptions>).await.map_err(failed)?;
        Ok(services.iter().filter_map(|service| Environment::read(service, &tasks)).collect())
    }

    async fn create(&self, service: ServiceSpec) -> Result<bool, Error> {
        match self.client().await?.create_service(service, None).await {
            Ok(_) => Ok(true),
            Err(ApiError::DockerResponseServerError { status_code: 409, .. }) => Ok(false),
            Err(error) => Err(Error::new("create an environment", error)),
        }
    }

    async fn remove(&self, environment: &Environment) -> Result<bool, Error> {
        match self.client().await?.delete_service(&environment.service).await {
            Ok(()) => Ok(true),
            Err(ApiError::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
            Err(error) => Err(Error::new("remove an environment", error)),
        }
    }
}
