//! Whether a store that does not keep what presigned URLs promise is found out.

mod store;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::scripted::{Reply, ScriptedServer};
use sluicegate_conformance::servers::{Drives, Minio};
use sluicegate_core::ports::ObjectStore;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::doctor::{check, checks};
use crate::embedded::data_folder;
use crate::origin::{Origin, client};
use crate::pooled::program;
use store::{BUCKET, KEY, KEY_ID, Lie, Store};

/// A database is made, on a machine that may be busy.
const PATIENCE: Duration = Duration::from_mins(2);

async fn start(folder: &TempDir) -> Store {
    let store = Store::start(&folder.path().join("objects"), client()).await;
    let made = async {
        while store.behind.ensure_bucket().await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, made).await.expect("the store is there");
    store
}

fn variables<'a>(endpoint: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut variables = vec![
        ("S3_ENDPOINT", endpoint),
        ("S3_BUCKET", BUCKET),
        ("S3_ACCESS_KEY_ID", KEY_ID),
        ("S3_SECRET_ACCESS_KEY", KEY),
        ("METRICS_LISTEN", "off"),
    ];
    variables.extend(more);
    variables
}

/// What `doctor` says of presigned uploads.
async fn doctor(data: &Path, endpoint: &str) -> Value {
    let (data, endpoint) = (data.to_owned(), endpoint.to_owned());
    let looked = tokio::task::spawn_blocking(move || checks(&data, &variables(&endpoint, &[])));
    let (checks, _) = looked.await.expect("looks");
    check(&checks, "presigned uploads").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_promise_that_is_not_kept_is_named() {
    let data = data_folder();
    let store = start(&data).await;
    let sound = doctor(data.path(), &store.endpoint).await;
    assert_eq!(sound["state"], "ok", "{sound}");
    for lie in Lie::ALL {
        store.tell(lie);
        let found = doctor(data.path(), &store.endpoint).await;
        assert_eq!(found["found"], lie.found(), "{lie:?}");
        assert_eq!(found["state"], "wrong", "{lie:?}");
        assert_eq!(store.staged().await, [""; 0], "{lie:?} left something");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn minio_keeps_all_of_them() {
    let name = "minio_keeps_all_of_them";
    let Some(server) = Minio::start(Drives::One, name).await else {
        return;
    };
    let ran = RanOn::begins(&server.version(), "the probe of stores");
    let data = data_folder();
    let settings = sluicegate_s3::Settings {
        endpoint: server.endpoint(),
        edge_endpoint: server.endpoint(),
        public_endpoint: None,
        region: "us-east-1".to_owned(),
        bucket: BUCKET.to_owned(),
        access_key_id: Minio::ACCESS_KEY_ID.to_owned(),
        secret_access_key: Minio::SECRET_ACCESS_KEY.to_owned(),
    };
    let store = sluicegate_s3::S3ObjectStore::new(&settings);
    store.ensure_bucket().await.expect("makes it");
    let found = doctor(data.path(), &server.endpoint()).await;
    assert_eq!(found["state"], "ok", "{found}");
    let left = store.list("", None, 10).await.expect("lists");
    assert!(left.objects.is_empty(), "{left:?}");
    ran.passed();
    server.stop().await;
}

async fn origin(data: &TempDir, store: &Store, more: &[(&str, &str)]) -> Origin {
    Origin::start(data.path(), &variables(&store.endpoint, more)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_starts_on_a_store_that_is_not_fit() {
    let data = data_folder();
    let store = start(&data).await;
    store.tell(Lie::Condition);
    let refusal = origin(&data, &store, &[]).await.refusal().await;
    assert!(refusal.contains(Lie::Condition.found()), "{refusal}");
    assert!(refusal.contains("S3_PROBE=warn"), "{refusal}");

    let warn = ("S3_PROBE", "warn");
    let clients = [warn, ("S3_PUBLIC_ENDPOINT", "same")];
    let refusal = origin(&data, &store, &clients).await.refusal().await;
    assert!(refusal.contains(Lie::Condition.found()), "{refusal}");
    assert!(!refusal.contains("S3_PROBE"), "it is no way out: {refusal}");

    let origin = origin(&data, &store, &[warn]).await;
    origin.answers("/readyz", 200).await;
    // Beside it, workers refuse as well.
    let worker = program(data.path(), &["work"], &variables(&store.endpoint, &[])).await;
    let said = String::from_utf8_lossy(&worker.stderr);
    assert!(!worker.status.success(), "{said}");
    assert!(said.contains(Lie::Condition.found()), "{said}");
    origin.stop().await;
    assert_eq!(store.staged().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_no_reason_not_to_start() {
    let data = data_folder();
    let store = Arc::new(start(&data).await);
    store.set_down(true);
    let origin = origin(&data, &store, &[]).await;
    origin.answers("/livez", 200).await;
    origin.answers("/readyz", 503).await;
    // It comes back, and is not what it should be.
    store.tell(Lie::Length);
    store.set_down(false);
    let refusal = origin.refusal().await;
    assert!(refusal.contains(Lie::Length.found()), "{refusal}");
}

/// Whoever refuses everything has not said what they would take.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_refuses_all_that_is_presigned_is_asked_again() {
    let data = data_folder();
    let store = start(&data).await;
    store.tell(Lie::Type);
    // Somebody who lets nobody through stands where edges go: our own way to the store tells.
    let guard = ScriptedServer::start(Reply::Answer(403, Vec::new())).await;
    let guarded = guard.url();
    let refused = origin(&data, &store, &[("S3_EDGE_ENDPOINT", &guarded)]).await;
    let refusal = refused.refusal().await;
    assert!(refusal.contains(Lie::Type.found()), "{refusal}");
    assert!(guard.seen() > 0);

    store.set_locked(true);
    let origin = origin(&data, &store, &[]).await;
    // It is there, and nothing can be uploaded yet.
    origin.answers("/readyz", 200).await;
    store.set_locked(false);
    let refusal = origin.refusal().await;
    assert!(refusal.contains(Lie::Type.found()), "{refusal}");
}
