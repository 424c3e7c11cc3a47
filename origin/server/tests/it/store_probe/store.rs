use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use reqwest::Client;
use sluicegate_core::ports::{ObjectStore, PutOptions};
use sluicegate_embedded::objects::{Credentials, ServerOptions, serve};
use sluicegate_s3::{S3ObjectStore, Settings};
use tokio::net::TcpListener;

pub(super) const KEY_ID: &str = "somebody";
pub(super) const KEY: &str = "a secret of the tests";
pub(super) const BUCKET: &str = "pictures";

/// What a store may fail to enforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
    Length,
    Type,
    Digest,
    NoDigest,
    Condition,
    NoCondition,
    /// It refuses what is wrong, and stores it.
    Keeps,
}

impl Lie {
    pub(super) const ALL: [Self; 7] = [
        Self::Length,
        Self::Type,
        Self::Digest,
        Self::NoDigest,
        Self::Condition,
        Self::NoCondition,
        Self::Keeps,
    ];

    /// What is to be said of it.
    pub(super) fn found(self) -> &'static str {
        match self {
            Self::Length => "it takes more bytes than were signed",
            Self::Type => "it takes another content-type than was signed",
            Self::Digest => "it takes other content than x-amz-checksum-sha256 says",
            Self::NoDigest => "it takes content without the x-amz-checksum-sha256 that was signed",
            Self::Condition => "it replaces objects in spite of if-none-match",
            Self::NoCondition => {
                "it replaces objects where the if-none-match that was signed is left out"
            }
            Self::Keeps => "it keeps what it has refused",
        }
    }

    /// Whether it is about a request that was refused so.
    fn is_about(self, query: &str, headers: &HeaderMap, body: &Bytes, status: StatusCode) -> bool {
        let left_out = |name: &str| query.contains(name) && !headers.contains_key(name);
        match self {
            Self::Length => body.len() > 16,
            Self::Type => headers["content-type"] != "application/octet-stream",
            Self::Digest => headers.contains_key("x-amz-checksum-sha256") && status == 400,
            Self::NoDigest => left_out("x-amz-checksum-sha256"),
            Self::Condition => status == 412,
            Self::NoCondition => left_out("if-none-match"),
            Self::Keeps => true,
        }
    }
}

/// An embedded store, as one that keeps all promises but one: behind a proxy that stores by keys of its own what the
/// store has refused for that.
#[derive(Clone)]
pub(super) struct Store {
    pub(super) endpoint: String,
    /// The store itself.
    pub(super) behind: Arc<S3ObjectStore>,
    upstream: String,
    http: Client,
    lie: Arc<AtomicU8>,
    down: Arc<AtomicBool>,
    locked: Arc<AtomicBool>,
}

const NO_LIE: u8 = u8::MAX;

impl Store {
    /// Ends with the test's runtime.
    pub(super) async fn start(folder: &Path, http: Client) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let upstream = format!("http://{}", listener.local_addr().expect("has one"));
        let options = ServerOptions::new(Credentials {
            access_key: KEY_ID.to_owned(),
            secret_key: KEY.to_owned(),
        });
        let folder = folder.to_owned();
        tokio::spawn(
            async move { serve(listener, &folder, &options, std::future::pending()).await },
        );
        let mut store = Self {
            endpoint: String::new(),
            behind: Arc::new(S3ObjectStore::new(&Settings {
                endpoint: upstream.clone(),
                edge_endpoint: upstream.clone(),
                public_endpoint: None,
                region: "us-east-1".to_owned(),
                bucket: BUCKET.to_owned(),
                access_key_id: KEY_ID.to_owned(),
                secret_access_key: KEY.to_owned(),
            })),
            upstream,
            http,
            lie: Arc::new(AtomicU8::new(NO_LIE)),
            down: Arc::new(AtomicBool::new(false)),
            locked: Arc::new(AtomicBool::new(false)),
        };
        let proxy = Router::new()
            .fallback(answer)
            .with_state(Arc::new(store.clone()));
        store.endpoint = crate::seeing::stand_in::serve(proxy).await;
        store
    }

    pub(super) fn tell(&self, lie: Lie) {
        let place = Lie::ALL.iter().position(|known| *known == lie);
        let place = u8::try_from(place.expect("is one of all")).expect("are few");
        self.lie.store(place, Ordering::Relaxed);
    }

    pub(super) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    /// Whether it refuses all that is presigned, as a proxy does that lets no query through.
    pub(super) fn set_locked(&self, locked: bool) {
        self.locked.store(locked, Ordering::Relaxed);
    }

    /// The keys of what lies in `staging/`.
    pub(super) async fn staged(&self) -> Vec<String> {
        let page = self.behind.list("staging/", None, 100).await;
        let objects = page.expect("lists").objects;
        objects.into_iter().map(|object| object.key).collect()
    }
}

async fn answer(
    State(store): State<Arc<Store>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if store.down.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let query = uri.query().unwrap_or_default();
    if store.locked.load(Ordering::Relaxed) && query.contains("X-Amz-Signature") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let mut handed_on = headers.clone();
    handed_on.remove("content-length");
    let url = format!("{}{}", store.upstream, uri);
    // With the host that it was signed for.
    let sent = store
        .http
        .request(method.clone(), url)
        .headers(handed_on)
        .body(body.clone())
        .send();
    let sent = sent.await.expect("the store answers");
    let status = sent.status();
    let place = store.lie.load(Ordering::Relaxed);
    if let Some(lie) = Lie::ALL.get(usize::from(place))
        && method == Method::PUT
        && status.is_client_error()
        && lie.is_about(query, &headers, &body, status)
    {
        let key = uri.path().strip_prefix("/pictures/");
        let options = PutOptions { content_type: "" };
        let put = store.behind.put(key.expect("a key"), body, &options);
        put.await.expect("stores");
        let refusal = *lie == Lie::Keeps;
        return if refusal { status } else { StatusCode::OK }.into_response();
    }
    let mut answer = Response::builder().status(status);
    for (name, value) in sent.headers() {
        if name != "transfer-encoding" {
            answer = answer.header(name, value);
        }
    }
    let content = sent.bytes().await.expect("is whole");
    let content = if method == Method::HEAD {
        Body::empty()
    } else {
        Body::from(content)
    };
    answer.body(content).expect("is an answer")
}
