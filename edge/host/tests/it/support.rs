//! A host in this process, a component that misbehaves on demand, and clients.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use sluicegate_edge::{Config, Error, Host, Limits, Metrics};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The component, built once.
static GUEST: LazyLock<PathBuf> = LazyLock::new(|| {
    // A folder of its own: cargo would wait for every other build in the shared one.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest");
    let status = Command::new(env!("CARGO"))
        .args(["build", "-p", "sluicegate-edge-test-guest"])
        .args(["--target", "wasm32-wasip2", "--target-dir"])
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the component does not build");
    target.join("wasm32-wasip2/debug/sluicegate_edge_test_guest.wasm")
});

/// Writes a manifest with one component under a name of its own, and gives its path.
pub(crate) fn manifest(name: &str, component: &str) -> PathBuf {
    let text = format!(
        r#"
spin_manifest_version = 2
[application]
name = "{name}"
[variables]
token = {{ required = true, secret = true }}
level = {{ default = "low" }}
[[trigger.http]]
route = "/..."
component = "guest"
[component.guest]
source = {:?}
{component}
"#,
        GUEST.display().to_string()
    );
    write(name, &text)
}

pub(crate) fn write(name: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("host")
        .join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("spin.toml");
    std::fs::write(&path, text).unwrap();
    path
}

pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("components")
}

/// A host that runs in this process.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    metrics: Metrics,
    shutdown: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), Error>>,
}

impl Running {
    pub(crate) async fn start(name: &str, component: &str, limits: Limits) -> Self {
        let mut config = Config::new(manifest(name, component));
        config.limits = limits;
        Self::start_with(config).await
    }

    /// Behind a proxy at `proxy`, which is an address or a block.
    pub(crate) async fn start_behind(name: &str, limits: Limits, proxy: &str) -> Self {
        let mut config = Config::new(manifest(name, ""));
        config.limits = limits;
        config.proxies.trusted.push(proxy.parse().unwrap());
        Self::start_with(config).await
    }

    async fn start_with(mut config: Config) -> Self {
        config.cache_dir = Some(cache());
        config
            .environment
            .insert("SPIN_VARIABLE_TOKEN".to_owned(), "hush-hush".to_owned());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let host = Host::load(config).await.unwrap();
        let metrics = host.metrics();
        let (shutdown, signal) = oneshot::channel();
        let task = tokio::spawn(host.serve(listener, async move {
            let _ = signal.await;
        }));
        Self {
            address,
            metrics,
            shutdown: Some(shutdown),
            task,
        }
    }

    /// Whether a line of the metrics is this one.
    pub(crate) fn counted(&self, line: &str) -> bool {
        self.metrics.text().lines().any(|seen| seen == line)
    }

    pub(crate) async fn until_counted(&self, line: &str) {
        eventually(async || self.counted(line)).await;
    }

    /// Asks the host to end, without waiting for it.
    pub(crate) fn shut_down(&mut self) {
        let _ = self.shutdown.take().unwrap().send(());
    }

    pub(crate) async fn ended(self) -> Result<(), Error> {
        in_time(self.task).await.unwrap()
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send(Request::get(self.url(target)), Bytes::new())
            .await
    }

    pub(crate) async fn post(&self, target: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Request::post(self.url(target)), body.into())
            .await
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    pub(crate) async fn send(&self, request: http::request::Builder, body: Bytes) -> Answer {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let request = request.body(Full::new(body)).unwrap();
        in_time(async { read(client.request(request).await.unwrap()).await }).await
    }
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to its end.
    pub(crate) complete: bool,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The slug of the problem's type.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(json["status"], self.status.as_u16());
        assert_eq!(
            json["instance"],
            self.headers["x-request-id"].to_str().unwrap()
        );
        assert_eq!(self.headers["x-content-type-options"], "nosniff");
        let kind = json["type"].as_str().unwrap();
        kind.strip_prefix("/problems/").unwrap().to_owned()
    }
}

async fn read(response: Response<Incoming>) -> Answer {
    let (parts, mut incoming) = response.into_parts();
    let mut body = Vec::new();
    let mut complete = true;
    while let Some(frame) = incoming.frame().await {
        let Ok(frame) = frame else {
            complete = false;
            break;
        };
        body.extend_from_slice(&frame.into_data().unwrap_or_default());
    }
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
        complete,
    }
}

pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work)
        .await
        .expect("it takes too long")
}

/// Asks again and again until the answer is yes.
pub(crate) async fn eventually<F: Future<Output = bool>>(mut ask: impl FnMut() -> F) {
    in_time(async {
        let mut pause = tokio::time::interval(Duration::from_millis(10));
        while !ask().await {
            pause.tick().await;
        }
    })
    .await;
}

/// A connection on which a test decides byte by byte.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self(in_time(TcpStream::connect(address)).await.unwrap())
    }

    /// From another address of this machine.
    pub(crate) async fn open_from(from: &str, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        Self(in_time(socket.connect(address)).await.unwrap())
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        in_time(self.0.write_all(bytes.as_ref())).await.unwrap();
    }

    /// The head of a request whose body of `length` bytes is still to come.
    pub(crate) async fn begin(&mut self, path: &str, length: usize) {
        self.write(format!(
            "POST {path} HTTP/1.1\r\nhost: edge\r\ncontent-length: {length}\r\n\r\n"
        ))
        .await;
    }

    /// Reads until `wanted` has been seen; gives everything read.
    pub(crate) async fn read_until(&mut self, wanted: &str) -> String {
        let mut seen = Vec::new();
        let mut buffer = [0; 4096];
        in_time(async {
            while !String::from_utf8_lossy(&seen).contains(wanted) {
                let read = self.0.read(&mut buffer).await.unwrap();
                assert!(
                    read > 0,
                    "closed before {wanted:?}: {}",
                    String::from_utf8_lossy(&seen)
                );
                seen.extend_from_slice(&buffer[..read]);
            }
        })
        .await;
        String::from_utf8_lossy(&seen).into_owned()
    }
}
