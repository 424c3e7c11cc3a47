//! A stand-in for a text model: speaks Ollama's protocol over a real socket, takes its time, and finds nothing in any text.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

use crate::stand_in::serve;

struct Behaviour {
    takes: Duration,
    judged: AtomicU64,
}

/// A running stand-in; ends when it is dropped.
pub struct TextModel {
    /// For `MODERATION_MODEL_URL`.
    pub url: String,
    state: Arc<Behaviour>,
    _server: AbortOnDropHandle<()>,
}

impl TextModel {
    /// Starts one on a free port.
    pub async fn start() -> Result<Self> {
        Self::that_takes(Duration::ZERO).await
    }

    /// The same, which answers each question after this time, however many are asked at once.
    pub async fn that_takes(time: Duration) -> Result<Self> {
        let state = Arc::new(Behaviour {
            takes: time,
            judged: AtomicU64::new(0),
        });
        let router = Router::new()
            .route("/api/chat", post(chat))
            .route(
                "/api/version",
                get(async || Json(json!({"version": "0.0.0"}))),
            )
            .with_state(Arc::clone(&state));
        let (url, server) = serve(router).await?;
        Ok(Self {
            url,
            state,
            _server: server,
        })
    }

    /// How many texts it judged.
    pub fn judged(&self) -> u64 {
        self.state.judged.load(Ordering::SeqCst)
    }
}

async fn chat(State(state): State<Arc<Behaviour>>) -> Json<Value> {
    tokio::time::sleep(state.takes).await;
    state.judged.fetch_add(1, Ordering::SeqCst);
    let judgement = json!({
        "safe": true, "category": "none", "reason": "nothing found", "confidence": 0.9,
    });
    Json(json!({
        "message": {"role": "assistant", "content": judgement.to_string()},
        "done": true,
    }))
}
