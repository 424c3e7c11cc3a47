use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};
use sluicegate_core::error::PortError;

use crate::state::App;

/// How long a service may take to say that it is there: less than whoever asks for this waits.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// `GET /livez`: the process answers. Says nothing about what it needs, so that an outage of the database
/// does not restart origins.
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "status": "live" }))
}

/// `GET /readyz`: what every request needs is there. A store that went away later is told, and is no reason to send nobody
/// here: all origins share it, and signing in, reading and writing posts go on without it. One that nobody has seen yet may
/// be the wrong one.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    let (database, store) = tokio::join!(
        check("database", app.accounts.ping()),
        check("object_store", app.objects.ping()),
    );
    if store {
        app.store_was_seen.store(true, Ordering::Relaxed);
    }
    let ready = database && app.store_was_seen.load(Ordering::Relaxed);
    let detector = if app.config.image_checks {
        app.detector.name().to_owned()
    } else {
        "none: pictures stay unreviewed".to_owned()
    };
    let body = json!({
        "status": if ready { "ready" } else { "unavailable" },
        "checks": {
            "database": word(database),
            "object_store": word(store),
            "picture_detector": detector,
        },
    });
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(body))
}

async fn check(service: &str, ping: impl Future<Output = Result<(), PortError>>) -> bool {
    match tokio::time::timeout(PATIENCE, ping).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(service, %error, "not ready");
            false
        }
        Err(_) => {
            tracing::warn!(service, "not ready: no answer in time");
            false
        }
    }
}

fn word(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}
