//! Programs that are killed at the worst moment. Each test asserts that the fault happened.

use std::time::Duration;

use reqwest::Method;
use rustix::process::test_kill_process;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::UploadState;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform};
use sluicegate_tests::process::children_of;
use sluicegate_tests::proxy::{Action, Proxy};
use sluicegate_tests::wait::wait_for;

fn id_in(request: &str) -> UploadId {
    let start = request.find("/v1/uploads/").unwrap() + "/v1/uploads/".len();
    request[start..start + 36].parse().unwrap()
}

#[tokio::test]
async fn an_origin_that_dies_between_store_and_complete_loses_nothing() {
    let mut platform = Platform::start(Options::default()).await.unwrap();
    let proxy = Proxy::start(&platform.origin_url).await.unwrap();
    let (_edge, edge_url) = platform.start_another_edge(&proxy.url).await.unwrap();
    let client = platform
        .client()
        .unwrap()
        .sign_up("survivor")
        .await
        .unwrap()
        .0;
    let photo = fixtures::read("photo.jpg").unwrap();

    // The file is stored, and the edge is about to say so.
    let mut seen = proxy.on("/complete HTTP/1.1", Action::Hold);
    let sending = tokio::spawn({
        let (client, photo) = (client.at(&edge_url), photo.clone());
        async move { client.upload("avatar", photo).await }
    });
    let request = seen.recv().await.expect("complete passes the proxy");
    platform.kill_origin().unwrap();
    drop(seen);
    let answer = sending.await.unwrap().unwrap();
    let problem = answer.expect_problem(502, "bad-gateway").unwrap();

    platform.restart_origin().await.unwrap();
    let id = id_in(&request);
    assert_eq!(
        problem.members["upload_id"],
        id.to_string(),
        "the client can go on with it"
    );
    assert_eq!(
        client.upload_state(id).await.unwrap().status,
        UploadState::Ticketed
    );
    let complete = format!("/v1/uploads/{id}/complete");
    client
        .call(Method::POST, &complete)
        .await
        .unwrap()
        .expect_status(201)
        .unwrap();
    client
        .call(Method::POST, &complete)
        .await
        .unwrap()
        .expect_status(200)
        .unwrap();
    let ready = client.wait_until_ready(id).await.unwrap();
    client
        .get(&ready.url)
        .await
        .unwrap()
        .expect_status(200)
        .unwrap();
    platform.stop().await.unwrap();
}

#[tokio::test]
async fn a_worker_that_is_killed_while_it_decodes_is_replaced() {
    let options = Options {
        no_workers: true,
        ..Options::default()
    };
    let platform = Platform::start(options).await.unwrap();
    let client = platform
        .client()
        .unwrap()
        .sign_up("patient")
        .await
        .unwrap()
        .0;
    let picture = fixtures::slow_to_decode().unwrap();
    let mut first = platform.start_worker().await.unwrap();
    let worker = first.pid().unwrap();
    let upload = client.upload_ok("post_header", picture).await.unwrap();

    // A child of the worker's is decoding at the moment of the kill.
    let children = wait_for(
        "a child that decodes",
        Duration::from_secs(30),
        async || {
            let children = children_of(worker);
            Ok((!children.is_empty()).then_some(children))
        },
    )
    .await
    .unwrap();
    first.kill().unwrap();
    let state = client.upload_state(upload.id).await.unwrap();
    assert_eq!(
        state.status,
        UploadState::Processing,
        "killed in the middle of it"
    );
    wait_for(
        "the child to end with its parent",
        Duration::from_secs(30),
        async || {
            Ok(children
                .iter()
                .all(|child| test_kill_process(*child).is_err())
                .then_some(()))
        },
    )
    .await
    .unwrap();

    let second = platform.start_worker().await.unwrap();
    let ready = client.wait_until_ready(upload.id).await.unwrap();
    assert_eq!(ready.width, Some(1600));
    client
        .get(&ready.url)
        .await
        .unwrap()
        .expect_status(200)
        .unwrap();
    second
        .stop(sluicegate_tests::platform::STOP_LIMIT)
        .await
        .unwrap();
    platform.stop().await.unwrap();
}
