//! How programs end.

use std::time::Duration;

use rustix::process::{Signal, kill_process};
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};

#[tokio::test]
async fn an_open_event_stream_ends_with_the_origin_and_is_not_cut() {
    let options = Options {
        no_workers: true,
        ..Options::default()
    };
    let mut platform = Platform::start(options).await.unwrap();
    let client = platform
        .client()
        .unwrap()
        .sign_up("listener")
        .await
        .unwrap()
        .0;
    let upload = client
        .upload_ok("avatar", fixtures::read("photo.png").unwrap())
        .await
        .unwrap();
    // Nobody works on it, so the stream would stay open for a minute.
    let path = format!("/v1/uploads/{}/events", upload.id);
    let mut stream = client
        .request(reqwest::Method::GET, &path)
        .send()
        .await
        .unwrap();
    let first = stream.chunk().await.unwrap().expect("how it stands");
    assert!(String::from_utf8_lossy(&first).contains("received"));

    let origin = platform.origin.as_mut().unwrap();
    kill_process(origin.pid().unwrap(), Signal::TERM).unwrap();
    let end = async { while let Ok(Some(_)) = stream.chunk().await {} };
    tokio::time::timeout(Duration::from_mins(1), end)
        .await
        .expect("the stream ends");
    origin.wait_for_line("stopped", STOP_LIMIT).await.unwrap();
    let said = platform.origin.take().unwrap().output();
    assert!(
        !said.iter().any(|line| line.contains("were cut")),
        "{said:?}"
    );
    platform.stop().await.unwrap();
}
