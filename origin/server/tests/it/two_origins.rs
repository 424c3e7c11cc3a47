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

/// The new key is published as soon as an origin looks again, which it does within seconds.
async fn both_keys(client: &Client, url: &str) {
    let deadline = Instant::now() + START;
    loop {
        let jwks = read(client, format!("{url}/.well-known/jwks.json"), "").await;
        if jwks["keys"].as_array().is_some_and(|keys| keys.len() == 2) {
            return;
        }
        assert!(Instant::now() < deadline, "one key only: {jwks}");
        sleep(Duration::from_millis(200)).await;
    }
}

/// What a command of the program prints.
async fn command(data: &Path, arguments: &[&str]) -> String {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_sluicegate-origin"))
        .args(arguments)
        .env("SLUICEGATE_DATA", data)
        .output()
        .await
        .expect("runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}{errors}");
    text
}

#[tokio::test]
async fn with_a_shared_secret_there_are_no_keys_to_rotate() {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_sluicegate-origin"))
        .args(["keys", "rotate"])
        .env("JWT_SECRET", "x".repeat(32))
        .output()
        .await
        .expect("runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && errors.contains("JWT_SECRET is set"),
        "{errors}"
    );
}

#[expect(clippy::disallowed_methods, reason = "a test is a client of its own")]
pub(crate) fn client() -> Client {
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
        "",
    )
    .await;
    let session = post(&client, format!("{}/v1/sessions", second.url), person, "").await;
    let token = session["access_token"].as_str().expect("has a token");
    let me = client
        .get(format!("{}/v1/me", first.url))
        .bearer_auth(token);
    let me = me.send().await.expect("answers");
    assert_eq!(me.status(), 200);
    let me: Value = serde_json::from_str(&me.text().await.expect("has a body")).expect("is JSON");
    assert_eq!(me["handle"], "ada");

    // Roles and keys are changed by commands while origins run, and nobody has to log in again.
    let grant = command(data.path(), &["grant", "--role", "operator", "ada"]).await;
    assert!(grant.contains("ada had the role user"), "{grant}");
    let me = read(&client, format!("{}/v1/me", second.url), token).await;
    assert_eq!(me["role"], "operator");
    let list = command(data.path(), &["keys", "list"]).await;
    assert!(list.contains("signs"), "{list}");
    let rotated = command(data.path(), &["keys", "rotate"]).await;
    assert!(rotated.contains("is published now"), "{rotated}");
    let again = command(data.path(), &["keys", "rotate"]).await;
    assert!(again.contains("a new key waits already"), "{again}");
    for origin in [&first, &second] {
        both_keys(&client, &origin.url).await;
        let me = read(&client, format!("{}/v1/me", origin.url), token).await;
        assert_eq!(me["handle"], "ada");
    }

    // The first one started the embedded services; they end with it.
    second.stop().await;
    first.stop().await;
    assert!(
        !data.path().join("services.json").exists(),
        "the services are gone"
    );
}
