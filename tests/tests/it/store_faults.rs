//! A store that fails in the middle, and clients that do. Nothing half stored is ever completed.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::UploadState;
use sluicegate_tests::client::{Answer, Client};
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::Platform;
use sluicegate_tests::proxy::{Action, Proxy};
use sluicegate_tests::wait::{wait_for, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{raw, shared};

/// An edge and an origin that reach the store of the shared platform through a proxy.
pub(crate) struct Line {
    pub(crate) proxy: Proxy,
    pub(crate) client: Client,
    pub(crate) front: Platform,
    pub(crate) platform: Arc<Platform>,
}

pub(crate) async fn line(handle: &str) -> Line {
    let platform = shared::platform().await.unwrap();
    let proxy = Proxy::start(&platform.store_url).await.unwrap();
    // The host is signed, so an origin of its own hands out URLs with the proxy's name.
    let mut options = shared::options().setting("S3_EDGE_ENDPOINT", &proxy.url);
    options.settings.extend(platform.store_settings().unwrap());
    let front = platform.start_second(options, &proxy.url).await.unwrap();
    let client = front.sign_up(handle).await.unwrap();
    Line {
        proxy,
        client,
        front,
        platform,
    }
}

impl Line {
    /// Sends a photo while the proxy does something to its PUT. The receiver is kept until the answer is there.
    async fn send(&self, action: Action) -> (Answer, UploadId) {
        let mut seen = self.proxy.on("PUT /", action);
        let photo = fixtures::read("photo.png").unwrap();
        let client = self.client.clone();
        let sending = tokio::spawn(async move { client.upload("avatar", photo).await.unwrap() });
        let request = seen.recv().await.expect("the PUT passes the proxy");
        if action.is_told_twice() {
            seen.recv().await.expect("the fault happens");
        }
        (sending.await.unwrap(), id_in(&request))
    }

    /// Nothing came of that upload, and the next one is taken.
    pub(crate) async fn is_unharmed(&self, id: UploadId) {
        let path = format!("/v1/uploads/{id}/complete");
        let completed = self.client.call(Method::POST, &path).await.unwrap();
        assert!(
            [StatusCode::CONFLICT, StatusCode::GONE].contains(&completed.status),
            "{}: {}",
            completed.status,
            completed.text()
        );
        let photo = fixtures::read("photo.png").unwrap();
        let next = self.client.upload_ok("avatar", photo).await.unwrap();
        self.client.wait_until_ready(next.id).await.unwrap();
    }
}

pub(crate) fn id_in(put: &str) -> UploadId {
    put.split("staging/").nth(1).unwrap()[..36].parse().unwrap()
}

#[tokio::test]
async fn a_store_that_refuses_or_cuts_is_a_clear_problem() {
    let line = line("store_refused").await;
    let busy = Action::Answer("503 Slow Down");
    let (answer, id) = line.send(busy).await;
    answer.expect_problem(503, "unavailable").unwrap();
    assert!(!answer.header("retry-after").is_empty());
    line.is_unharmed(id).await;

    for action in [
        Action::Answer("500 Internal Server Error"),
        Action::Answer("403 Forbidden"),
        // Of the 78 kB of the photo.
        Action::CutAfter(70_000),
        Action::LoseAnswer,
    ] {
        let (answer, id) = line.send(action).await;
        answer.expect_problem(502, "bad-gateway").unwrap();
        line.is_unharmed(id).await;
    }

    let mut seen = line.proxy.on("PUT /", Action::Hold);
    let photo = fixtures::read("photo.png").unwrap();
    let client = line.client.clone();
    let sending = tokio::spawn(async move { client.upload("avatar", photo).await.unwrap() });
    let request = seen.recv().await.expect("the PUT passes the proxy");
    drop(seen);
    sending
        .await
        .unwrap()
        .expect_problem(502, "bad-gateway")
        .unwrap();
    line.is_unharmed(id_in(&request)).await;
    line.front.stop().await.unwrap();
}

#[tokio::test]
async fn a_store_that_stalls_is_a_gateway_time_out() {
    let line = line("store_stalled").await;
    let (answer, id) = line.send(Action::Hold).await;
    answer.expect_problem(504, "gateway-timeout").unwrap();
    line.is_unharmed(id).await;
    line.front.stop().await.unwrap();
}

#[tokio::test]
async fn a_client_that_goes_away_half_way_completes_nothing() {
    let line = line("store_deserted").await;
    let token = line.client.token.clone().unwrap();
    let photo = fixtures::read("photo.jpg").unwrap();
    assert!(photo.len() > 80_000, "longer than what is looked at");
    let mut seen = line.proxy.on("PUT /", Action::Pass);
    let head = raw::upload_head(&token, &format!("content-length: {}", photo.len()));
    let mut stream = raw::connect(&line.front.edge_url).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&photo[..70_000]).await.unwrap();
    let request = within("the PUT", Duration::from_secs(30), seen.recv())
        .await
        .unwrap()
        .unwrap();
    drop(stream);

    // The store never gets the whole, so there is nothing to complete, now or later.
    let id = id_in(&request);
    wait_for(
        "the ticket to be given back",
        Duration::from_mins(1),
        async || {
            let upload = line.client.upload_state(id).await?;
            assert_ne!(upload.status, UploadState::Received);
            Ok((upload.status == UploadState::Expired).then_some(()))
        },
    )
    .await
    .unwrap();
    line.is_unharmed(id).await;
    line.front.stop().await.unwrap();
}

#[tokio::test]
async fn a_client_that_stalls_is_told_so() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "store_slow_client")
        .await
        .unwrap();
    let photo = fixtures::read("photo.jpg").unwrap();
    let length = format!("content-length: {}", photo.len());
    let head = raw::upload_head(&client.token.clone().unwrap(), &length);
    let mut stream = raw::connect(&platform.edge_url).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&photo[..10_000]).await.unwrap();
    let mut answer = [0; 12];
    let reading = stream.read_exact(&mut answer);
    within("an answer", Duration::from_mins(2), reading)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 408");
}
