//! A stand-in for a picture detector: speaks the real protocol over a real socket, and calls red
//! pictures unsafe.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

use crate::stand_in::serve;
use crate::wait::wait_for;

/// Until it is asked, by a queue and a child on a slow machine.
const LIMIT: Duration = Duration::from_mins(1);

/// A running stand-in; ends when it is dropped.
pub struct Detector {
    /// For `MODERATION_IMAGE_SERVICE_URL`.
    pub url: String,
    state: Arc<Behaviour>,
    _server: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Behaviour {
    down: AtomicBool,
    asked: AtomicU64,
    refused: AtomicU64,
}

impl Detector {
    /// Starts one on a free port.
    pub async fn start() -> Result<Self> {
        let state = Arc::new(Behaviour::default());
        let router = Router::new()
            .route("/classify", post(classify))
            .route("/health", get(health))
            .with_state(Arc::clone(&state));
        let (url, server) = serve(router).await?;
        Ok(Self {
            url,
            state,
            _server: server,
        })
    }

    /// Answers 500 from now on, or no longer.
    pub fn set_down(&self, down: bool) {
        self.state.down.store(down, Ordering::SeqCst);
    }

    /// How many pictures it judged.
    pub fn judged(&self) -> u64 {
        self.state.asked.load(Ordering::SeqCst)
    }

    /// Waits until it failed a request.
    pub async fn fails(&self) -> Result<()> {
        wait_for("the detector to fail", LIMIT, async || {
            Ok((self.failed() > 0).then_some(()))
        })
        .await
    }

    /// How many requests it failed while it was down.
    pub fn failed(&self) -> u64 {
        self.state.refused.load(Ordering::SeqCst)
    }
}

async fn health(State(state): State<Arc<Behaviour>>) -> StatusCode {
    if state.down.load(Ordering::SeqCst) {
        StatusCode::INTERNAL_SERVER_ERROR
    } else {
        StatusCode::OK
    }
}

async fn classify(State(state): State<Arc<Behaviour>>, picture: Bytes) -> Response {
    if state.down.load(Ordering::SeqCst) {
        state.refused.fetch_add(1, Ordering::SeqCst);
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    state.asked.fetch_add(1, Ordering::SeqCst);
    let Ok(decoded) = image::load_from_memory(&picture) else {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    };
    let answer = if is_red(&decoded.into_rgb8()) {
        json!({"safe": false, "confidence": 0.98, "reason": "too red"})
    } else {
        json!({"safe": true, "confidence": 0.99, "reason": "nothing found"})
    };
    Json(answer).into_response()
}

/// Nearly all of it is strongly red.
fn is_red(picture: &image::RgbImage) -> bool {
    let red = picture
        .pixels()
        .filter(|p| p.0[0] > 180 && p.0[1] < 90 && p.0[2] < 90)
        .count();
    red * 10 > picture.pixels().len() * 9
}
