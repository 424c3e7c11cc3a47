//! `POST /classify`: whether a JPEG is one of those that are known.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::KnownFiles;

/// What detectors are sent is a small JPEG; this is far above it.
const MOST_BYTES: usize = 16 << 20;
/// How a JPEG begins (ITU-T T.81, B.1.1.3).
const JPEG: [u8; 3] = [0xff, 0xd8, 0xff];

pub(super) async fn handler(
    State(known): State<Arc<KnownFiles>>,
    picture: Body,
) -> Result<Json<Value>, StatusCode> {
    let sha256 = hash(picture).await?;
    let reason = known.reason(&sha256);
    tracing::info!(
        sha256 = hex::encode(sha256),
        safe = reason.is_none(),
        "classified"
    );
    Ok(Json(match reason {
        Some(reason) => json!({"safe": false, "confidence": 1.0, "reason": reason}),
        // Nothing looked at it.
        None => json!({"safe": true, "confidence": 0.0, "reason": "not a known file"}),
    }))
}

/// The SHA-256 of what is a JPEG by its beginning.
async fn hash(picture: Body) -> Result<[u8; 32], StatusCode> {
    let mut pieces = picture.into_data_stream();
    let (mut sha256, mut length) = (Sha256::new(), 0);
    let mut head: Vec<u8> = Vec::new();
    while let Some(piece) = pieces
        .try_next()
        .await
        .map_err(|_| StatusCode::BAD_REQUEST)?
    {
        length += piece.len();
        if length > MOST_BYTES {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        head.extend(piece.iter().take(JPEG.len() - head.len()));
        sha256.update(&piece);
    }
    if head == JPEG {
        Ok(sha256.finalize().into())
    } else {
        Err(StatusCode::UNSUPPORTED_MEDIA_TYPE)
    }
}
