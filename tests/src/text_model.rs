//! A stand-in for a text model: speaks Ollama's protocol over a real socket, and finds nothing in any text.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

use crate::stand_in::serve;

/// A running stand-in; ends when it is dropped.
pub struct TextModel {
    /// For `MODERATION_MODEL_URL`.
    pub url: String,
    judged: Arc<AtomicU64>,
    _server: AbortOnDropHandle<()>,
}

impl TextModel {
    /// Starts one on a free port.
    pub async fn start() -> Result<Self> {
        let judged = Arc::new(AtomicU64::new(0));
        let router = Router::new()
            .route("/api/chat", post(chat))
            .route(
                "/api/version",
                get(async || Json(json!({"version": "0.0.0"}))),
            )
            .with_state(Arc::clone(&judged));
        let (url, server) = serve(router).await?;
        Ok(Self {
            url,
            judged,
            _server: server,
        })
    }

    /// How many texts it judged.
    pub fn judged(&self) -> u64 {
        self.judged.load(Ordering::SeqCst)
    }
}

async fn chat(State(judged): State<Arc<AtomicU64>>) -> Json<Value> {
    judged.fetch_add(1, Ordering::SeqCst);
    let judgement = json!({
        "safe": true, "category": "none", "reason": "nothing found", "confidence": 0.9,
    });
    Json(json!({
        "message": {"role": "assistant", "content": judgement.to_string()},
        "done": true,
    }))
}
