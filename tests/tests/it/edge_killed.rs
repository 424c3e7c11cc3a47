//! An edge that is killed while uploads pass through it.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::UploadState;
use sluicegate_tests::fixtures;
use sluicegate_tests::proxy::{Action, Proxy};
use sluicegate_tests::wait::within;
use tokio::io::AsyncWriteExt;

use crate::{raw, shared};

const PATIENCE: Duration = Duration::from_mins(1);

fn id_in(put: &str) -> UploadId {
    put.split("staging/").nth(1).unwrap()[..36].parse().unwrap()
}

#[tokio::test]
async fn nothing_half_stored_is_completed_and_the_repeat_works() {
    let platform = shared::platform().await.unwrap();
    let proxy = Proxy::start(&platform.store_url).await.unwrap();
    // The host is signed, so an origin of its own hands out URLs with the proxy's name.
    let mut options = shared::options().setting("S3_EDGE_ENDPOINT", &proxy.url);
    options.settings.extend(platform.store_settings().unwrap());
    let mut front = platform.start_second(options, &proxy.url).await.unwrap();
    let stranger = front.client().unwrap();
    let client = stranger.sign_up("edge_killed").await.unwrap().0;
    let token = client.token.clone().unwrap();
    let photo = fixtures::read("photo.jpg").unwrap();

    // One upload of which the store has a part, and one that is stored as soon as the proxy lets it.
    let mut seen = proxy.on("PUT /", Action::Pass);
    let head = raw::upload_head(&token, &format!("content-length: {}", photo.len()));
    let mut half = raw::connect(&front.edge_url).await.unwrap();
    half.write_all(head.as_bytes()).await.unwrap();
    half.write_all(&photo[..70_000]).await.unwrap();
    let first = within("the first PUT", PATIENCE, seen.recv())
        .await
        .unwrap();
    let mut seen = proxy.on("PUT /", Action::Hold);
    let sending = tokio::spawn({
        let (client, photo) = (client.clone(), photo.clone());
        async move { client.upload("avatar", photo).await }
    });
    let second = within("the second PUT", PATIENCE, seen.recv())
        .await
        .unwrap();

    front.kill_edge().unwrap();
    let answer = within("the end of the upload", PATIENCE, sending)
        .await
        .unwrap()
        .unwrap();
    assert!(answer.is_err(), "answered by a dead edge: {answer:?}");
    drop(seen);
    drop(half);

    front.restart_edge().await.unwrap();
    for put in [first, second] {
        let id = id_in(&put.unwrap());
        let state = client.upload_state(id).await.unwrap().status;
        assert_eq!(state, UploadState::Ticketed);
        let complete = format!("/v1/uploads/{id}/complete");
        let completed = client.call(Method::POST, &complete).await.unwrap();
        assert_eq!(
            completed.status,
            StatusCode::CONFLICT,
            "{}",
            completed.text()
        );
    }
    let repeated = client.upload_ok("avatar", photo).await.unwrap();
    client.wait_until_ready(repeated.id).await.unwrap();
    front.stop().await.unwrap();
}
