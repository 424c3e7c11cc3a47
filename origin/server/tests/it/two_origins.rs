use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use sluicegate_origin::cli::Serve;
use sluicegate_origin::serve::run;
use sluicegate_origin::settings::Settings;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// A database is made, on a machine that may be busy.
const START: Duration = Duration::from_mins(2);
const STOP: Duration = Duration::from_mins(1);

struct Origin {
    url: String,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Origin {
    async fn start(data: &Path) -> Self {
        let data = data.to_string_lossy().into_owned();
        let settings = Settings::parse(&|name| match name {
            "SLUICEGATE_DATA" => Some(data.clone()),
            "SLUICEGATE_POSTGRES_BIN" => std::env::var(name).ok(),
            _ => None,
        });
        let settings = settings.expect("are right");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("http://{}", listener.local_addr().expect("has one"));
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let task = tokio::spawn(async move {
            let program = PathBuf::from(env!("CARGO_BIN_EXE_sluicegate-origin"));
            run(&settings, &program, Serve::default(), listener, stop).await
        });
        Self {
            url,
            shutdown,
            task,
        }
    }

    async fn ready(&self, client: &Client) {
        let deadline = Instant::now() + START;
        loop {
            let url = format!("{}/readyz", self.url);
            let answer = client.get(url).timeout(Duration::from_secs(5)).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            assert!(!self.task.is_finished(), "the origin ended");
            assert!(Instant::now() < deadline, "the origin is not ready in time");
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        let ended = timeout(STOP, self.task).await.expect("ends in time");
        ended.expect("does not panic").expect("ends well");
    }
}

async fn post(client: &Client, url: String, body: Value) -> Value {
    let request = client.post(url).header("content-type", "application/json");
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

#[expect(clippy::disallowed_methods, reason = "a test is a client of its own")]
fn client() -> Client {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_origins_in_one_process_are_one_service() {
    let data = tempfile::tempdir().expect("makes a folder");
    // Root's database runs as another user, who must be able to pass.
    let passable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(data.path(), passable).expect("sets the mode");
    let client = client();
    let first = Origin::start(data.path()).await;
    first.ready(&client).await;
    let second = Origin::start(data.path()).await;
    second.ready(&client).await;

    let person = json!({"handle": "ada", "password": "correct horse"});
    post(
        &client,
        format!("{}/v1/accounts", first.url),
        person.clone(),
    )
    .await;
    let session = post(&client, format!("{}/v1/sessions", second.url), person).await;
    let token = session["access_token"].as_str().expect("has a token");
    let me = client
        .get(format!("{}/v1/me", first.url))
        .bearer_auth(token);
    let me = me.send().await.expect("answers");
    assert_eq!(me.status(), 200);
    let me: Value = serde_json::from_str(&me.text().await.expect("has a body")).expect("is JSON");
    assert_eq!(me["handle"], "ada");

    // The first one started the embedded services; they end with it.
    second.stop().await;
    first.stop().await;
    assert!(
        !data.path().join("services.json").exists(),
        "the services are gone"
    );
}
