//! Stands in for origin and store: answers at once what they would, and throws uploads away.

use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;

use crate::served::{Answer, json, plain, serve, whole};

/// Names the environment variable with the key set that is published.
pub(crate) const KEYS: &str = "SLUICEGATE_BENCH_KEYS";
/// The picture that is there.
pub(crate) const PICTURE: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
/// Its size, and that of uploads, in bytes.
pub(crate) const PICTURE_BYTES: usize = 10_000_000;
const ETAG: &str = "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"";
const STORE: &str = "/store/";

struct Backend {
    keys: String,
    picture: Bytes,
}

pub(crate) async fn main() -> Result<()> {
    let backend = Arc::new(Backend {
        keys: std::env::var(KEYS).unwrap_or_default(),
        picture: Bytes::from(vec![7; PICTURE_BYTES]),
    });
    serve(move |request| {
        let backend = Arc::clone(&backend);
        async move { backend.answer(request).await }
    })
    .await
}

impl Backend {
    async fn answer(&self, mut request: Request<Incoming>) -> Answer {
        let host = request
            .headers()
            .get("host")
            .and_then(|host| host.to_str().ok());
        let here = format!("http://{}", host.unwrap_or_default());
        while let Some(Ok(_)) = request.body_mut().frame().await {}
        let path = request.uri().path();
        if path.starts_with(STORE) {
            return self.stored(request.method());
        }
        match path {
            "/.well-known/jwks.json" => {
                let mut answer = plain(StatusCode::OK);
                *answer.body_mut() = whole(self.keys.clone());
                answer
            }
            "/edge/v1/upload-tickets" => json(StatusCode::CREATED, &ticket(&here)),
            "/v1/me" => json(
                StatusCode::OK,
                &json!({"handle": "ada", "display_name": "Ada"}),
            ),
            path if path.starts_with("/edge/v1/media/") => json(StatusCode::OK, &grant(&here)),
            path if path.ends_with("/complete") => {
                let answer = json!({"id": PICTURE, "status": "received"});
                json(StatusCode::CREATED, &answer)
            }
            _ => plain(StatusCode::NOT_FOUND),
        }
    }

    fn stored(&self, method: &Method) -> Answer {
        if method == Method::PUT {
            let mut answer = plain(StatusCode::OK);
            answer
                .headers_mut()
                .insert("etag", HeaderValue::from_static(ETAG));
            return answer;
        }
        Response::new(whole(self.picture.clone()))
    }
}

fn ticket(here: &str) -> serde_json::Value {
    json!({
        "id": PICTURE,
        "key": format!("{PICTURE}.webp"),
        "url": format!("/media/{PICTURE}.webp"),
        "put": {
            "url": format!("{here}{STORE}staging"),
            "headers": {"content-type": "application/octet-stream", "content-length": PICTURE_BYTES.to_string()},
            "expires_at": "2099-01-01T00:00:00.000Z",
        },
    })
}

fn grant(here: &str) -> serde_json::Value {
    json!({
        "url": format!("{here}{STORE}media"),
        "etag": ETAG,
        "length": PICTURE_BYTES,
        "type": "image/webp",
        "cache_control": "public, max-age=60",
        "state": "unreviewed",
    })
}
