//! An edge whose clock is two minutes off. Debian's faketime stands between it and the machine's clock.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use sluicegate_contract::time::Timestamp;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{self, EdgePlace, Options, Platform, STOP_LIMIT};
use sluicegate_tests::process::Program;
use sluicegate_tests::wait::wait_for;

use crate::shared;

const OFF_MS: i64 = 120_000;
/// Between two lines of two logs.
const NEAR_MS: i64 = 30_000;
const LIMIT: Duration = Duration::from_mins(1);

/// Where distributions put the library.
fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten();
    let folders = folders.flatten().map(|folder| folder.path());
    let elsewhere = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    folders
        .chain(elsewhere)
        .map(|folder| folder.join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.is_file())
}

async fn edge_that_is_off(platform: &Platform, library: &Path, off: &str) -> (Program, String) {
    let library = library.to_string_lossy().into_owned();
    let environment = [
        ("LD_PRELOAD", library),
        ("FAKETIME", off.to_owned()),
        // Waits are no question of what time it is.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    let options = Options {
        log: Some(("info", "json")),
        edge_environment: environment
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec(),
        ..Options::default()
    };
    let place = EdgePlace {
        origin_url: &platform.origin_url,
        store_url: &platform.store_url,
        listen: "127.0.0.1:0",
    };
    let started = platform::start_edge(platform.data(), &options, &place).await;
    started.unwrap()
}

/// When the edge answered an upload, by its own clock. The line of its log may come after the answer.
async fn answered_at(edge: &Program) -> Timestamp {
    let line = wait_for("a line of the access log", LIMIT, async || {
        let output = edge.output();
        let lines = output.iter().map(|line| serde_json::from_str(line));
        let mut lines = lines.flatten();
        Ok(lines.find(|line: &Value| line["path"] == "/v1/uploads"))
    });
    serde_json::from_value(line.await.unwrap()["timestamp"].clone()).unwrap()
}

#[tokio::test]
async fn an_edge_that_is_two_minutes_off_serves_as_any_other() {
    let Some(library) = faketime() else {
        return shared::skip("clocks", "there is no libfaketime (Debian: faketime)");
    };
    // Its tokens are verified with the keys that the origin publishes.
    let platform = Platform::start(Options::default()).await.unwrap();
    for (handle, off, off_ms) in [("ahead", "+120", OFF_MS), ("behind", "-120", -OFF_MS)] {
        let (edge, url) = edge_that_is_off(&platform, &library, off).await;
        let stranger = platform.client().unwrap().at(&url);
        let client = stranger.sign_up(handle).await.unwrap().0;
        let photo = fixtures::read("photo.jpg").unwrap();
        let upload = client.upload_ok("avatar", photo).await.unwrap();
        let difference = answered_at(&edge).await.unix_ms() - upload.created_at.unix_ms();
        assert!(
            (difference - off_ms).abs() < NEAR_MS,
            "{off}: the edge's clock is {difference} ms off"
        );
        let ready = client.wait_until_ready(upload.id).await.unwrap();
        for _ in 0..2 {
            let shown = stranger.get(&ready.url).await.unwrap();
            shown.expect_status(200).unwrap();
            image::load_from_memory(&shown.body).unwrap();
        }
        client.me().await.unwrap();
        edge.stop(STOP_LIMIT).await.unwrap();
    }
    platform.stop().await.unwrap();
}
