//! The proxy before an engine that notes what it is asked: what is let through, and everything that is not.

mod common;

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use common::{json, send, send_without_end, template};
use environments::{Docker, Labels, Scheduler, proxy};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use kit::metrics::Metrics;
use kit::serve::{Limits, Server, serve};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

/// An engine that has these services, and what it was asked.
#[derive(Default)]
struct Engine {
    services: Mutex<Vec<Value>>,
    asked: Mutex<Vec<String>>,
}

type Shared = State<Arc<Engine>>;

async fn engine(State(engine): Shared, method: Method, uri: Uri, body: Bytes) -> Response {
    engine.asked.lock().unwrap().push(format!("{method} {uri}"));
    let mut services = engine.services.lock().unwrap();
    let path = uri.path().trim_start_matches("/v1.44");
    let found = |services: &[Value], name: &str| {
        services.iter().position(|one| one["ID"] == name || one["Spec"]["Name"] == name)
    };
    let missing = || (StatusCode::NOT_FOUND, Json(json!({"message": "service not found"}))).into_response();
    match (method.as_str(), path) {
        (_, "/version") => {
            Json(json!({"Version": "29.0.0", "ApiVersion": "1.44", "MinAPIVersion": "1.44"})).into_response()
        }
        (_, "/services/create") => {
            let spec: Value = serde_json::from_slice(&body).unwrap();
            if services.iter().any(|one| one["Spec"]["Name"] == spec["Name"]) {
                return (StatusCode::CONFLICT, Json(json!({"message": "name conflicts"}))).into_response();
            }
            let id = format!("id{}", services.len());
            services.push(json!({"ID": id, "CreatedAt": "2026-01-01T00:00:00Z", "Spec": spec}));
            (StatusCode::CREATED, Json(json!({"ID": id}))).into_response()
        }
        ("GET", "/services") => Json(services.clone()).into_response(),
        ("GET", "/tasks") => Json(json!([])).into_response(),
        (method, path) => match found(&services, path.trim_start_matches("/services/")) {
            None => missing(),
            Some(place) if method == "DELETE" => {
                services.remove(place);
                StatusCode::OK.into_response()
            }
            Some(place) => Json(services[place].clone()).into_response(),
        },
    }
}

/// An engine on a socket, and the proxy before it.
async fn setup() -> (Arc<Engine>, Router, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let noted = Arc::new(Engine::default());
    let router = Router::new().fallback(engine).with_state(noted.clone());
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(router.clone());
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (noted, app(&socket), folder)
}

fn app(socket: &Path) -> Router {
    proxy::app(template(), socket.to_owned(), &Metrics::new("environments"))
}

fn name(n: u8) -> String {
    format!("env-{n:032x}")
}

fn labels() -> Labels {
    Labels { user: "ada".to_owned(), expires: 4_000_000_000, request: "0".repeat(64) }
}

fn spec() -> Value {
    serde_json::to_value(template().service(&name(1), "registry/rng:1", &labels())).unwrap()
}

async fn ask(app: &Router, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path).header("x-registry-auth", "e30=");
    let response = send(app, request.body(Body::from(body.to_owned())).unwrap()).await;
    (response.status(), json(response).await)
}

#[tokio::test]
async fn an_environment_is_let_through_from_the_api_to_the_engine() {
    let (engine, app, _folder) = setup().await;
    let (listener, stop) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), CancellationToken::new());
    let docker = Docker::new(&format!("tcp://{}", listener.local_addr().unwrap())).unwrap();
    let _stopped = stop.clone().drop_guard();
    tokio::spawn(serve(listener, Server::new(app, &Metrics::new("proxy"), &Limits::default()), stop));

    let service = template().service(&name(1), "registry/rng:1", &labels());
    assert!(docker.create(service.clone()).await.unwrap());
    assert!(!docker.create(service).await.unwrap());
    let all = docker.list().await.unwrap();
    assert_eq!((all.len(), all[0].id.as_str(), &all[0].labels), (1, name(1).as_str(), &labels()));
    assert!(docker.remove(&all[0]).await.unwrap());
    assert!(!docker.remove(&all[0]).await.unwrap());
    assert!(engine.services.lock().unwrap().is_empty());
    let asked = engine.asked.lock().unwrap();
    let filter = "?filters=%7B%22label%22%3A%5B%22environment.user%22%5D%7D";
    for line in ["GET /services", "GET /tasks"] {
        assert!(asked.contains(&format!("{line}{filter}")), "{line}: {asked:?}");
    }
    assert!(asked.contains(&"DELETE /services/id0".to_owned()), "{asked:?}");
}

#[tokio::test]
async fn a_service_with_anything_added_left_out_or_changed_is_refused() {
    let (engine, app, _folder) = setup().await;
    let container = "/TaskTemplate/ContainerSpec";
    for (place, field, value) in [
        ("", "Name", json!("registry")),
        ("", "Name", json!("env-../../containers")),
        ("", "Mode", json!({"Global": {}})),
        ("", "Mode", json!({"Replicated": {"Replicas": 1000}})),
        ("", "UpdateConfig", json!({})),
        ("/Labels", "environment.user", json!("Ada")),
        ("/Labels", "environment.user", Value::Null),
        ("/Labels", "environment.expires", json!("never")),
        ("/Labels", "traefik.enable", json!("true")),
        ("/EndpointSpec", "Ports", json!([{"TargetPort": 80, "PublishedPort": 80}])),
        ("/EndpointSpec", "Mode", json!("vip")),
        (container, "Image", json!("alpine")),
        (container, "Mounts", json!([{"Type": "bind", "Source": "/", "Target": "/host"}])),
        (container, "mounts", json!([{"Type": "bind", "Source": "/", "Target": "/host"}])),
        (container, "Secrets", json!([{"SecretID": "s", "SecretName": "environments_users"}])),
        (container, "Configs", json!([])),
        (container, "Command", json!(["sh"])),
        (container, "Args", json!(["-c"])),
        (container, "Env", json!(["A=1"])),
        (container, "User", json!("0")),
        (container, "CapabilityAdd", json!(["SYS_ADMIN"])),
        (container, "CapabilityDrop", json!([])),
        (container, "ReadOnly", json!(false)),
        (container, "Privileges", json!({"NoNewPrivileges": false})),
        (container, "Privileges", json!({"NoNewPrivileges": true, "Seccomp": {"Mode": "unconfined"}})),
        (container, "Sysctls", json!({})),
        ("/TaskTemplate", "Resources", Value::Null),
        ("/TaskTemplate/Resources/Limits", "MemoryBytes", json!(1_i64 << 40)),
        ("/TaskTemplate/Resources/Limits", "NanoCPUs", Value::Null),
        ("/TaskTemplate", "Networks", json!([{"Target": "control"}])),
        ("/TaskTemplate", "Networks", json!([{"Target": "environments"}, {"Target": "host"}])),
        ("/TaskTemplate", "Placement", json!({"Constraints": ["node.role==manager"]})),
        ("/TaskTemplate", "Runtime", json!("plugin")),
    ] {
        let mut spec = spec();
        spec.pointer_mut(place).unwrap_or_else(|| panic!("{place}"))[field] = value.clone();
        let (status, answer) = ask(&app, "POST", "/v1.44/services/create", &spec.to_string()).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{place}/{field} {value}");
        assert!(answer["message"].as_str().unwrap().starts_with("proxy: "), "{answer}");
    }
    for body in ["", "{", "[]", "null", "{}"] {
        assert_eq!(ask(&app, "POST", "/v1.44/services/create", body).await.0, StatusCode::FORBIDDEN, "{body}");
    }
    let large = format!("{}{}", " ".repeat(20 << 10), spec());
    assert_eq!(ask(&app, "POST", "/v1.44/services/create", &large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(engine.asked.lock().unwrap().is_empty(), "the engine was asked");
    // The same, unchanged, is let through: the list above is not refused for something else.
    assert_eq!(ask(&app, "POST", "/v1.44/services/create", &spec().to_string()).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn every_other_part_of_dockers_api_is_refused() {
    let (engine, app, _folder) = setup().await;
    for (method, path) in [
        ("GET", "/containers/json"),
        ("POST", "/containers/create"),
        ("POST", "/v1.44/containers/create"),
        ("GET", "/secrets"),
        ("GET", "/services/registry"),
        ("GET", "/v1.44/services/env-00000000000000000000000000000001"),
        ("POST", "/services/registry/update"),
        ("PUT", "/services/create"),
        ("POST", "/services/create/"),
        ("POST", "//services/create"),
        ("POST", "/v1.44/../services/create"),
        ("POST", "/v1.x/services/create"),
        ("POST", "/v1.44/v1.44/services/create"),
        ("POST", "/services%2fcreate"),
        ("GET", "/info"),
        ("GET", "/events"),
        ("GET", "/swarm"),
        ("POST", "/swarm/leave?force=1"),
        ("POST", "/build"),
        ("GET", "/"),
        ("DELETE", "/services/"),
        ("DELETE", "/services/env-00000000000000000000000000000001"),
        ("DELETE", "/services/id0/../x"),
        ("DELETE", "/services/id0%2f..%2fx"),
        ("DELETE", "/nodes/x"),
    ] {
        assert_eq!(ask(&app, method, path, "").await.0, StatusCode::FORBIDDEN, "{method} {path}");
    }
    assert!(engine.asked.lock().unwrap().is_empty(), "the engine was asked");
}

#[tokio::test]
async fn a_service_that_is_called_like_an_environment_and_is_none_stays() {
    let (engine, app, _folder) = setup().await;
    let theirs = json!({"ID": "id7", "Spec": {"Name": name(7), "Labels": {}}});
    let other = json!({"ID": "id8", "Spec": {"Name": "registry", "Labels": spec()["Labels"]}});
    // Docker finds a service by its name, too, and by the beginning of its id.
    let third = json!({"ID": "id9", "Spec": {"Name": "web", "Labels": spec()["Labels"]}});
    engine.services.lock().unwrap().extend([theirs, other, third]);
    for id in ["id7", "id8", "web", "registry"] {
        let (status, _) = ask(&app, "DELETE", &format!("/v1.44/services/{id}"), "").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{id}");
    }
    assert_eq!(ask(&app, "DELETE", "/v1.44/services/id10", "").await.0, StatusCode::NOT_FOUND);
    assert_eq!(engine.services.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_is_given_up() {
    let app = app(Path::new("/nonexistent/docker.sock"));
    let request = Request::post("/v1.44/services/create");
    assert_eq!(send_without_end(&app, request).await.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn an_engine_that_is_gone_is_told() {
    let app = app(Path::new("/nonexistent/docker.sock"));
    assert_eq!(ask(&app, "GET", "/v1.44/services", "").await.0, StatusCode::BAD_GATEWAY);
}
