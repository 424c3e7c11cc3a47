use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};
use sluicegate_core::error::PortError;

use crate::state::App;

/// How long a service may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /livez`: the process answers. Says nothing about what it needs, so that an outage of the database
/// does not restart origins.
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "status": "live" }))
}

/// `GET /readyz`: what a request needs is there.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    let (database, store) = tokio::join!(
        check("database", app.accounts.ping()),
        check("object_store", app.objects.ping()),
    );
    let ready = database && store;
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
