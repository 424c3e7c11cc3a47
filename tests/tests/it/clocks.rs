//! An edge whose clock is two minutes off. Debian's faketime stands between it and the machine's clock.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use sluicegate_contract::time::Timestamp;
use sluicegate_tests::clock::{self, faketime};
use sluicegate_tests::edge::{self, EdgePlace};
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::process::Program;
use sluicegate_tests::proxy::{Action, Proxy};
use sluicegate_tests::wait::{wait_for, within};

use crate::shared;

const OFF_MS: i64 = 120_000;
/// Between two lines of two logs.
const NEAR_MS: i64 = 30_000;
const LIMIT: Duration = Duration::from_mins(1);

async fn edge_that_is_off(platform: &Platform, library: &Path, off: &str) -> (Program, String) {
    let off = [("FAKETIME", off)];
    edge_with_clock(platform, &platform.origin_url, library, &off).await
}

/// An edge whose clock is set by faketime's own variables.
async fn edge_with_clock(
    platform: &Platform,
    origin_url: &str,
    library: &Path,
    at: &[(&str, &str)],
) -> (Program, String) {
    let options = Options {
        log: Some(("info", "json")),
        edge_environment: clock::environment(library, at),
        ..Options::default()
    };
    let place = EdgePlace {
        origin_url,
        store_url: &platform.store_url,
        listen: "127.0.0.1:0",
    };
    let started = edge::start_edge(platform.data(), &options, &place).await;
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
        return shared::skip("clocks", "SLUICEGATE_FAKETIME names no libfaketime");
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

const KEYS: &str = "GET /.well-known/jwks.json";

/// A clock that is put on while the edge runs.
struct Clock(PathBuf);

impl Clock {
    fn at(folder: &Path, minutes: u32) -> Self {
        let clock = Self(folder.join("clock"));
        clock.put_on(minutes);
        clock
    }

    /// So many minutes later than the machine's. As a whole, for it is read all the time.
    fn put_on(&self, minutes: u32) {
        let next = self.0.with_extension("next");
        std::fs::write(&next, format!("+{}", minutes * 60)).unwrap();
        std::fs::rename(next, &self.0).unwrap();
    }
}

#[tokio::test]
async fn keys_are_renewed_ahead_of_time_and_kept_while_the_origin_is_away() {
    let Some(library) = faketime() else {
        return shared::skip("clocks", "SLUICEGATE_FAKETIME names no libfaketime");
    };
    let mut platform = Platform::start(Options::default()).await.unwrap();
    let proxy = Proxy::start(&platform.origin_url).await.unwrap();
    let clock = Clock::at(platform.data(), 0);
    let file = clock.0.to_string_lossy();
    let variables = [
        ("FAKETIME_TIMESTAMP_FILE", &*file),
        ("FAKETIME_NO_CACHE", "1"),
    ];
    let (edge, url) = edge_with_clock(&platform, &proxy.url, &library, &variables).await;
    let mut first = proxy.on(KEYS, Action::Pass);
    let client = platform.sign_up("renewed").await.unwrap().at(&url);
    client.me().await.unwrap();
    first
        .try_recv()
        .expect("keys are asked for when they are needed");

    // Young keys are not asked for again, whoever comes.
    let mut again = proxy.on(KEYS, Action::Pass);
    clock.put_on(4);
    client.me().await.unwrap();
    assert!(again.try_recv().is_err(), "they were asked for too early");

    // They are renewed behind a request that does not wait for them: nobody answers here, and it goes on.
    let mut ahead = proxy.on(KEYS, Action::Hold);
    clock.put_on(6);
    client.me().await.unwrap();
    within("the keys to be renewed", LIMIT, ahead.recv())
        .await
        .unwrap()
        .expect("they are asked for");
    drop(ahead);

    // Old ones are asked for before they are used. The origin is away, and they go on to be used: a good token is
    // verified, a bad one refused, and both without the origin.
    platform.kill_origin().unwrap();
    clock.put_on(11);
    let token = client.token.clone().unwrap();
    let away = client.get("/v1/me").await.unwrap();
    assert!(away.status.is_server_error(), "{}", away.text());
    assert!(!away.text().contains("verified"), "{}", away.text());
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{rest}.{}", signature.chars().rev().collect::<String>());
    let refused = client.with_token(Some(&forged)).get("/v1/me").await;
    refused
        .unwrap()
        .expect_problem(401, "unauthorized")
        .unwrap();

    platform.restart_origin().await.unwrap();
    wait_for("the origin to be back", LIMIT, async || {
        Ok((client.get("/v1/me").await?.status == 200).then_some(()))
    })
    .await
    .unwrap();
    edge.stop(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
}
