//! What is repeated under one `Idempotency-Key`: uploads above all.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluicegate_contract::accounts::Session;
use sluicegate_contract::page::Page;
use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::Upload;
use sluicegate_tests::client::{Answer, Client, PASSWORD};
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::Platform;
use sluicegate_tests::proxy::{Action, Proxy};
use sluicegate_tests::wait::wait_for;

use crate::shared;

/// An edge that reaches store and origin through proxies.
struct Line {
    store: Proxy,
    origin: Proxy,
    client: Client,
    _edge: sluicegate_tests::process::Program,
    _front: Platform,
    _platform: Arc<Platform>,
}

async fn line(handle: &str) -> Line {
    let platform = shared::platform().await.unwrap();
    let store = Proxy::start(&platform.store_url).await.unwrap();
    let mut options = shared::options().setting("S3_EDGE_ENDPOINT", &store.url);
    options.settings.extend(platform.store_settings().unwrap());
    let front = platform.start_second(options, &store.url).await.unwrap();
    let origin = Proxy::start(&front.origin_url).await.unwrap();
    let (edge, url) = front.start_another_edge(&origin.url).await.unwrap();
    let client = front.sign_up(handle).await.unwrap().at(&url);
    Line {
        store,
        origin,
        client,
        _edge: edge,
        _front: front,
        _platform: platform,
    }
}

#[tokio::test]
async fn a_repeat_gets_the_same_answer_and_sends_nothing() {
    let line = line("repeat_lost").await;
    let photo = fixtures::read("photo.jpg").unwrap();
    let first = line.client.upload_as("k", photo.clone()).await.unwrap();
    let upload: Upload = first.expect(201).unwrap();
    let mut sent = line.store.on("PUT /", Action::Pass);
    for _ in 0..2 {
        let again = line.client.upload_as("k", photo.clone()).await.unwrap();
        let same: Upload = again.expect(201).unwrap();
        assert_eq!((same.id, &same.url), (upload.id, &upload.url));
        assert_eq!(again.header("location"), first.header("location"));
    }
    assert!(sent.try_recv().is_err(), "the file went to the store again");
    let other = line.client.upload_as("another", photo).await.unwrap();
    assert_ne!(other.expect::<Upload>(201).unwrap().id, upload.id);
    assert!(sent.try_recv().is_ok(), "the proxy sees what is sent");
}

#[tokio::test]
async fn a_key_is_not_for_another_file() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "repeat_other").await.unwrap();
    let (jpg, png) = (
        fixtures::read("photo.jpg").unwrap(),
        fixtures::read("photo.png").unwrap(),
    );
    client
        .upload_as("k", jpg)
        .await
        .unwrap()
        .expect_status(201)
        .unwrap();
    let answer = client.upload_as("k", png.clone()).await.unwrap();
    answer
        .expect_problem(422, "idempotency-key-reused")
        .unwrap();
    let answer = client.upload_as("two words", png).await.unwrap();
    answer.expect_problem(400, "invalid-request").unwrap();
}

/// The same picture with one bit changed after `place`, in none of JPEG's markers.
fn changed(file: &[u8], place: usize) -> Vec<u8> {
    let plain = |place: &usize| file[place - 1] != 0xff && file[*place] < 0xfe;
    let place = (place..file.len() - 2).find(plain).unwrap();
    let mut changed = file.to_vec();
    changed[place] ^= 1;
    changed
}

#[tokio::test]
async fn a_key_is_not_for_another_file_of_the_same_length() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "repeat_alike").await.unwrap();
    let photo = fixtures::read("photo.jpg").unwrap();
    let send = async |key: &str, file: &[u8], declared: bool| {
        let mut request = client
            .request(Method::POST, "/v1/uploads?purpose=avatar")
            .header("idempotency-key", key);
        if declared {
            let digest = STANDARD.encode(Sha256::digest(file));
            request = request.header("repr-digest", format!("sha-256=:{digest}:"));
        }
        let sent = request.body(file.to_vec()).send().await.unwrap();
        Answer::read(sent).await.unwrap()
    };
    let first: Upload = send("k", &photo, false).await.expect(201).unwrap();
    let early = changed(&photo, 40_000);
    let refused = send("k", &early, false).await;
    let problem = refused.expect_problem(422, "idempotency-key-reused");
    let named = problem.unwrap().members["upload_id"].clone();
    assert_eq!(named, first.id.to_string());
    let again: Upload = send("k", &photo, false).await.expect(201).unwrap();
    assert_eq!(again.id, first.id);

    // With a digest the whole file is compared.
    let late = changed(&photo, 80_000);
    let first: Upload = send("d", &photo, true).await.expect(201).unwrap();
    let refused = send("d", &late, true).await;
    refused
        .expect_problem(422, "idempotency-key-reused")
        .unwrap();
    let again: Upload = send("d", &photo, true).await.expect(201).unwrap();
    assert_eq!(again.id, first.id);
}

#[tokio::test]
async fn a_repeat_beside_the_first_is_told_to_wait() {
    let line = line("repeat_beside").await;
    let photo = fixtures::read("photo.png").unwrap();
    let mut held = line.store.on("PUT /", Action::Hold);
    let first = {
        let (client, photo) = (line.client.clone(), photo.clone());
        tokio::spawn(async move { client.upload_as("k", photo).await.unwrap() })
    };
    held.recv().await.expect("the PUT passes the proxy");
    let beside = line.client.upload_as("k", photo.clone()).await.unwrap();
    let problem = beside.expect_problem(409, "conflict").unwrap();
    assert!(problem.members.contains_key("upload_id"));
    assert!(!beside.header("retry-after").is_empty());

    // The first one fails, and leaves its key to the next.
    drop(held);
    let failed = first.await.unwrap();
    failed.expect_problem(502, "bad-gateway").unwrap();
    let next = line.client.upload_as("k", photo).await.unwrap();
    let upload: Upload = next.expect(201).unwrap();
    assert_ne!(
        Some(upload.id.to_string().as_str()),
        problem.members["upload_id"].as_str()
    );
}

#[tokio::test]
async fn a_repeat_completes_what_was_stored_and_not_completed() {
    let line = line("repeat_stored").await;
    let photo = fixtures::read("photo.jpg").unwrap();
    let mut seen = line
        .origin
        .on("/complete", Action::Answer("503 Service Unavailable"));
    let lost: Answer = line.client.upload_as("k", photo.clone()).await.unwrap();
    lost.expect_status(503).unwrap();
    seen.try_recv().expect("the call did not come through");

    let mut sent = line.store.on("PUT /", Action::Pass);
    let upload = wait_for(
        "the upload to be completed",
        Duration::from_secs(30),
        async || {
            let again = line.client.upload_as("k", photo.clone()).await?;
            Ok((again.status == 201).then_some(again))
        },
    )
    .await
    .unwrap();
    let upload: Upload = upload.json().unwrap();
    assert!(sent.try_recv().is_err(), "the file went to the store again");
    line.client.wait_until_ready(upload.id).await.unwrap();
}

#[tokio::test]
async fn many_at_once_are_one_upload() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "repeat_many").await.unwrap();
    let photo = fixtures::read("photo.png").unwrap();
    let sends: Vec<_> = (0..6)
        .map(|_| {
            let (client, photo) = (client.clone(), photo.clone());
            tokio::spawn(async move { client.upload_as("k", photo).await.unwrap() })
        })
        .collect();
    let mut ids = std::collections::BTreeSet::new();
    for send in sends {
        let answer = send.await.unwrap();
        match answer.status.as_u16() {
            201 => {
                ids.insert(answer.json::<Upload>().unwrap().id.to_string());
            }
            409 => {
                answer.expect_problem(409, "conflict").unwrap();
            }
            status => panic!("{status}: {}", answer.text()),
        }
    }
    assert_eq!(ids.len(), 1, "{ids:?}");
}

async fn ask(client: &Client, path: &str, body: &Value) -> Answer {
    let request = client.request(Method::POST, path).json(body);
    let request = request.header("idempotency-key", "k").send();
    Answer::read(request.await.unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_repeated_sign_up_log_in_and_post_are_done_once() {
    let platform = shared::platform().await.unwrap();
    let stranger = platform.client().unwrap();
    let who = json!({ "handle": "repeat_session", "password": PASSWORD });
    for path in ["/v1/accounts", "/v1/sessions"] {
        let first: Session = ask(&stranger, path, &who).await.expect(201).unwrap();
        let again: Session = ask(&stranger, path, &who).await.expect(201).unwrap();
        assert_eq!(again.account.id, first.account.id, "{path}");
        // It is one session, which ends for both.
        let [first, again] =
            [first, again].map(|session| stranger.with_token(Some(&session.access_token)));
        first.me().await.unwrap();
        let ended = again.call(Method::DELETE, "/v1/sessions/current").await;
        ended.unwrap().expect_status(204).unwrap();
        let over = first.get("/v1/me").await.unwrap();
        over.expect_problem(401, "unauthorized").unwrap();
    }

    let client = shared::somebody(&platform, "repeat_post").await.unwrap();
    let body = json!({ "body": "It is said once, however often it is sent." });
    let first = ask(&client, "/v1/posts", &body).await;
    let again = ask(&client, "/v1/posts", &body).await;
    let said = first.expect::<Post>(201).unwrap().id;
    assert_eq!(again.expect::<Post>(201).unwrap().id, said);
    assert_eq!(again.header("location"), first.header("location"));
    let shown = client.get("/v1/profiles/repeat_post/posts").await.unwrap();
    let shown: Page<Post> = shown.expect(200).unwrap();
    assert_eq!(shown.items.len(), 1);
}
