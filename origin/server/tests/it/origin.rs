//! An origin in this process, and how tests speak with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use sluicegate_origin::cli::Serve;
use sluicegate_origin::serve::run;
use sluicegate_origin::settings::Settings;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// A database is made, on a machine that may be busy.
const PATIENCE: Duration = Duration::from_mins(2);

/// Ends with `stop`, or by itself.
pub(crate) struct Origin {
    pub(crate) url: String,
    /// Is there while embedded services run.
    services: PathBuf,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Origin {
    /// Starts one with these settings. What they do not name is embedded, below `data`.
    pub(crate) async fn start(data: &Path, settings: &[(&str, &str)]) -> Self {
        Self::serving(data, settings, Serve::default()).await
    }

    /// The same without workers.
    pub(crate) async fn without_workers(data: &Path, settings: &[(&str, &str)]) -> Self {
        let options = Serve {
            no_workers: true,
            ..Serve::default()
        };
        Self::serving(data, settings, options).await
    }

    async fn serving(data: &Path, settings: &[(&str, &str)], options: Serve) -> Self {
        let services = data.join("services.json");
        let data = data.to_string_lossy().into_owned();
        let settings = Settings::parse(&|name| match name {
            "SLUICEGATE_DATA" => Some(data.clone()),
            "SLUICEGATE_POSTGRES_BIN" => std::env::var(name).ok(),
            _ => settings
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned()),
        });
        let settings = settings.expect("are right");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("http://{}", listener.local_addr().expect("has one"));
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let task = tokio::spawn(async move {
            let program = PathBuf::from(env!("CARGO_BIN_EXE_sluicegate-origin"));
            let ended = run(&settings, &program, options, listener, stop).await;
            if let Err(error) = &ended {
                println!("the origin ends: {error:#}");
            }
            ended
        });
        Self {
            url,
            services,
            shutdown,
            task,
        }
    }

    /// Waits until it answers so.
    pub(crate) async fn answers(&self, path: &str, status: u16) {
        let (client, deadline) = (client(), Instant::now() + PATIENCE);
        loop {
            let url = format!("{}{path}", self.url);
            let answer = client.get(url).timeout(Duration::from_secs(5)).send().await;
            if answer.is_ok_and(|answer| answer.status() == status) {
                return;
            }
            assert!(!self.task.is_finished(), "the origin ended");
            assert!(Instant::now() < deadline, "{path} is not {status} in time");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Why it ended by itself. What it started has ended too: the next would use what is about to go.
    pub(crate) async fn refusal(self) -> String {
        let ended = timeout(PATIENCE, self.task).await.expect("ends in time");
        let deadline = Instant::now() + PATIENCE;
        while self.services.exists() {
            assert!(Instant::now() < deadline, "its services do not end");
            sleep(Duration::from_millis(20)).await;
        }
        let error = ended.expect("does not panic").expect_err("must not run");
        format!("{error:#}")
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        let ended = timeout(PATIENCE, self.task).await.expect("ends in time");
        ended.expect("does not panic").expect("ends well");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test is a client of its own")]
pub(crate) fn client() -> Client {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().expect("builds")
}

/// Makes something, as whoever has this token or as nobody.
pub(crate) async fn post(client: &Client, url: String, body: Value, token: &str) -> Value {
    let mut request = client.post(url).header("content-type", "application/json");
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    let answer = request
        .body(body.to_string())
        .send()
        .await
        .expect("answers");
    let status = answer.status();
    let text = answer.text().await.expect("has a body");
    assert_eq!(status, 201, "{text}");
    serde_json::from_str(&text).expect("is JSON")
}

pub(crate) async fn read(client: &Client, url: String, token: &str) -> Value {
    let answer = client.get(url).bearer_auth(token).send().await;
    let answer = answer.expect("answers");
    assert_eq!(answer.status(), 200);
    serde_json::from_str(&answer.text().await.expect("has a body")).expect("is JSON")
}
