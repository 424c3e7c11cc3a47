use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use sluicegate_origin::places::Places;
use sluicegate_origin::settings::Settings;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Longer than several looks at the services and the time that each waits for an answer.
const SLOW: Duration = Duration::from_secs(9);
const LIMIT: Duration = Duration::from_mins(1);

/// Root's database runs as another user, who must be able to pass.
pub(crate) fn data_folder() -> TempDir {
    let data = tempfile::tempdir().expect("makes a folder");
    let passable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(data.path(), passable).expect("sets the mode");
    data
}

fn services(data: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(data.join("services.json")).ok()?;
    serde_json::from_str(&text).ok()
}

fn kill(signal: &str, pid: &str) {
    let killed = Command::new("kill").args([signal, pid]).status();
    assert!(killed.expect("runs").success(), "kill {signal} {pid}");
}

fn postmaster(data: &Path) -> String {
    let note = std::fs::read_to_string(data.join("postgres/data/postmaster.pid"));
    let note = note.expect("is there");
    note.lines().next().expect("has a line").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_services_live_on_and_dead_ones_are_replaced() {
    let data = data_folder();
    let folder = data.path().to_string_lossy().into_owned();
    let settings = Settings::parse(&|name| match name {
        "SLUICEGATE_DATA" => Some(folder.clone()),
        "SLUICEGATE_POSTGRES_BIN" => std::env::var(name).ok(),
        _ => None,
    });
    let settings = settings.expect("are right");
    let program = PathBuf::from(env!("CARGO_BIN_EXE_sluicegate-origin"));
    let places = Places::find(&settings, &program).await.expect("starts");
    let shutdown = CancellationToken::new();
    let watch = async {
        let before = services(data.path()).expect("are there");
        kill("-STOP", &postmaster(data.path()));
        let changed = async {
            while services(data.path()).as_ref() == Some(&before) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let changed = timeout(SLOW, changed).await;
        kill("-CONT", &postmaster(data.path()));
        assert!(changed.is_err(), "slow services were stopped");

        kill("-KILL", &before["pid"].to_string());
        let replaced = async {
            while services(data.path()).is_none_or(|now| now["pid"] == before["pid"]) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LIMIT, replaced).await.expect("are started again");
        shutdown.cancel();
    };
    tokio::join!(places.keep_up(&shutdown), watch);
    places.leave().await;
    // They may have been on the way up when `keep_up` ended.
    let stopped = async {
        while services(data.path()).is_some() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LIMIT, stopped).await.expect("they stop with us");
}

/// `services --with-parent`, ready.
fn start(data: &Path) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sluicegate-origin"))
        .args(["services", "--with-parent"])
        .env("SLUICEGATE_DATA", data)
        .env("RUST_LOG", "trace")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(data.join("stderr")).expect("creates"))
        .spawn()
        .expect("runs");
    let mut line = String::new();
    let output = child.stdout.take().expect("is piped");
    BufReader::new(output).read_line(&mut line).expect("reads");
    assert_eq!(line, "services are ready\n");
    child
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test is a client of its own")]
async fn services_outlive_signals_and_log_no_signature() {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let data = data_folder();
    let mut child = start(data.path());
    for signal in ["-TERM", "-INT", "-TERM"] {
        kill(signal, &child.id().to_string());
    }
    let place = services(data.path()).expect("are there");
    let endpoint = place["s3_endpoint"].as_str().expect("is text");
    let key = place["s3_access_key_id"].as_str().expect("is text");
    let signature = "5ec3e7".repeat(11);
    let signature = signature.get(..64).expect("is longer");
    let url = format!(
        "{endpoint}/sluicegate/a?X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential={key}%2F20261124%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20261124T120000Z\
         &X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature={signature}"
    );
    let client = reqwest::Client::new();
    for _ in 0..3 {
        let answer = client.put(&url).body("x").timeout(LIMIT).send().await;
        assert_eq!(answer.expect("answers").status(), 403);
    }
    assert!(
        child.try_wait().expect("can be asked").is_none(),
        "it has ended"
    );

    drop(child.stdin.take());
    let ended = child.wait().expect("ends");
    assert!(ended.success(), "{ended}");
    assert!(services(data.path()).is_none(), "they are stopped");
    let mut log = String::new();
    let mut file = std::fs::File::open(data.path().join("stderr")).expect("opens");
    file.read_to_string(&mut log).expect("reads");
    assert!(log.contains("services: Services"), "{log}");
    assert!(
        !log.contains("X-Amz-Signature") && !log.contains("5ec3e7"),
        "{log}"
    );
}
