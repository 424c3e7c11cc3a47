//! Clients that send the file to the store themselves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluicegate_contract::uploads::{Ticket, Upload};
use sluicegate_tests::client::{Answer, Client};
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform};
use sluicegate_tests::wait::wait_for;

use crate::shared;

const SITE: &str = "https://page.example";

/// A platform whose store clients can reach.
struct Direct {
    front: Platform,
    client: Client,
    /// Sends to the store; has no token.
    store: Client,
    _platform: Arc<Platform>,
}

async fn direct(handle: &str) -> Direct {
    direct_with(handle, "LIMIT_TICKET_SECONDS", "600").await
}

async fn direct_with(handle: &str, name: &str, value: &str) -> Direct {
    let platform = shared::platform().await.unwrap();
    let options = shared::options()
        .setting("S3_PUBLIC_ENDPOINT", "same")
        .setting(name, value);
    let front = platform
        .start_second(options, &platform.store_url)
        .await
        .unwrap();
    let client = front.sign_up(handle).await.unwrap();
    Direct {
        front,
        client,
        store: Client::new("").unwrap(),
        _platform: platform,
    }
}

async fn ask(client: &Client, request: &Value) -> Answer {
    client
        .send(Method::POST, "/v1/upload-tickets", request)
        .await
        .unwrap()
}

impl Direct {
    async fn ticket(&self, request: &Value) -> Ticket {
        ask(&self.client, request).await.expect(201).unwrap()
    }

    async fn put(&self, ticket: &Ticket, changed: &[(&str, &str)], body: &[u8]) -> StatusCode {
        let mut headers: BTreeMap<String, String> = ticket.put.headers.clone();
        // The HTTP client counts for itself.
        headers.remove("content-length");
        for (name, value) in changed {
            headers.insert((*name).to_owned(), (*value).to_owned());
        }
        let mut request = self.store.request(Method::PUT, &ticket.put.url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body(body.to_vec()).send().await.unwrap().status()
    }

    async fn complete(&self, ticket: &Ticket) -> Answer {
        let path = format!("/v1/uploads/{}/complete", ticket.id);
        self.client.call(Method::POST, &path).await.unwrap()
    }
}

#[tokio::test]
async fn a_file_sent_to_the_store_becomes_a_picture() {
    let direct = direct("direct_sender").await;
    let photo = fixtures::read("photo.jpg").unwrap();
    let sha256 = format!("{:x}", Sha256::digest(&photo));
    let request = json!({
        "purpose": "avatar", "content_length": photo.len(), "sha256": sha256,
    });
    let ticket = direct.ticket(&request).await;
    direct
        .complete(&ticket)
        .await
        .expect_problem(409, "conflict")
        .unwrap();
    assert_eq!(direct.put(&ticket, &[], &photo).await, 200);
    let upload: Upload = direct.complete(&ticket).await.expect(201).unwrap();
    assert_eq!((upload.id, &upload.url), (ticket.id, &ticket.url));
    direct.complete(&ticket).await.expect_status(200).unwrap();
    direct.client.wait_until_ready(ticket.id).await.unwrap();
    let picture = direct.client.get(&ticket.url).await.unwrap();
    picture.expect_status(200).unwrap();
    direct.front.stop().await.unwrap();
}

#[tokio::test]
async fn a_ticket_is_for_one_file_as_agreed() {
    let direct = direct("direct_strict").await;
    let photo = fixtures::read("photo.png").unwrap();
    let request = json!({ "purpose": "avatar", "content_length": photo.len() });
    let ticket = direct.ticket(&request).await;

    assert_eq!(direct.put(&ticket, &[], &photo[1..]).await, 403, "shorter");
    let longer = [photo.as_slice(), b"x"].concat();
    assert_eq!(direct.put(&ticket, &[], &longer).await, 403, "longer");
    let html = direct
        .put(&ticket, &[("content-type", "text/html")], &photo)
        .await;
    assert_eq!(html, 403, "another type");
    let again = direct.put(&ticket, &[("if-none-match", "x")], &photo).await;
    assert!(
        matches!(again.as_u16(), 400 | 403),
        "without the condition: {again}"
    );
    direct
        .complete(&ticket)
        .await
        .expect_problem(409, "conflict")
        .unwrap();
    assert_eq!(direct.put(&ticket, &[], &photo).await, 200);
    assert_eq!(direct.put(&ticket, &[], &photo).await, 412, "a second time");
    direct.complete(&ticket).await.expect_status(201).unwrap();

    let request = json!({
        "purpose": "avatar", "content_length": photo.len(), "sha256": "0a".repeat(32),
    });
    let wrong = direct.ticket(&request).await;
    assert_eq!(direct.put(&wrong, &[], &photo).await, 400, "another digest");
    direct
        .complete(&wrong)
        .await
        .expect_problem(409, "conflict")
        .unwrap();
    direct.front.stop().await.unwrap();
}

#[tokio::test]
async fn a_url_that_expired_stores_nothing() {
    // As short as a ticket may live.
    let direct = direct_with("direct_late", "LIMIT_TICKET_SECONDS", "10").await;
    let photo = fixtures::read("photo.png").unwrap();
    let request = json!({ "purpose": "avatar", "content_length": photo.len() });
    let ticket = direct.ticket(&request).await;
    wait_for(
        "the ticket to expire",
        Duration::from_secs(30),
        async || {
            let now = UNIX_EPOCH.elapsed()?.as_millis();
            let ends = u128::try_from(ticket.put.expires_at.unix_ms())?;
            Ok((now > ends + 1_000).then_some(()))
        },
    )
    .await
    .unwrap();
    assert_eq!(direct.put(&ticket, &[], &photo).await, 403);
    let answer = direct.complete(&ticket).await;
    answer.expect_problem(409, "conflict").unwrap();
    direct.front.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_given_back_counts_while_it_can_still_be_sent() {
    let direct = direct_with("direct_back", "LIMIT_OPEN_TICKETS", "2").await;
    let photo = fixtures::read("photo.png").unwrap();
    let request = json!({ "purpose": "avatar", "content_length": photo.len() });
    for left in [1, 0] {
        let given = ask(&direct.client, &request).await;
        let quotas = given.header("ratelimit").to_owned();
        let said = format!(r#""open-tickets";r={left},"#);
        assert!(quotas.starts_with(&said), "{quotas}");
        let ticket: Ticket = given.expect(201).unwrap();
        let path = format!("/v1/uploads/{}", ticket.id);
        let given_back = direct.client.call(Method::DELETE, &path).await.unwrap();
        given_back.expect_status(204).unwrap();
        assert_eq!(direct.put(&ticket, &[], &photo).await, 200);
    }
    let refused = ask(&direct.client, &request).await;
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!(
        (1..=600).contains(&wait),
        "until the first URL ends: {wait}"
    );
    let problem = refused.expect_problem(429, "too-many-requests").unwrap();
    assert_eq!(problem.members["quota"], "open-tickets");
    // What came through the edge alone would count no longer, and needs a place as well.
    let answer = direct.client.upload("avatar", photo).await.unwrap();
    answer.expect_problem(429, "too-many-requests").unwrap();
    direct.front.stop().await.unwrap();
}

#[tokio::test]
async fn what_was_sent_is_looked_at_as_if_it_came_through_the_edge() {
    let direct = direct("direct_refused").await;
    for (file, status, slug) in [
        ("text-named.jpg", 415, "unsupported-media-type"),
        ("animated.webp", 422, "picture-refused"),
    ] {
        let file = fixtures::read(file).unwrap();
        let request = json!({ "purpose": "avatar", "content_length": file.len() });
        let ticket = direct.ticket(&request).await;
        assert_eq!(direct.put(&ticket, &[], &file).await, 200);
        let refused = direct.complete(&ticket).await;
        refused.expect_problem(status, slug).unwrap();
    }
    let stranger = direct.client.with_token(None);
    ask(
        &stranger,
        &json!({ "purpose": "avatar", "content_length": 9 }),
    )
    .await
    .expect_problem(401, "unauthorized")
    .unwrap();
    direct.front.stop().await.unwrap();
}

#[tokio::test]
async fn without_a_public_store_there_are_no_tickets_and_no_pages_of_others() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "direct_off").await.unwrap();
    ask(
        &client,
        &json!({ "purpose": "avatar", "content_length": 9 }),
    )
    .await
    .expect_problem(404, "direct-uploads-off")
    .unwrap();
    let preflight = Client::new(&platform.store_url)
        .unwrap()
        .request(Method::OPTIONS, "/sluicegate/staging/x")
        .header("origin", SITE)
        .header("access-control-request-method", "PUT");
    let refused = Answer::read(preflight.send().await.unwrap()).await.unwrap();
    refused.expect_status(403).unwrap();
    assert_eq!(refused.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn pages_of_named_sites_may_send_files_to_the_store() {
    let options = Options::default()
        .setting("S3_PUBLIC_ENDPOINT", "same")
        .setting("S3_CORS_ORIGINS", SITE);
    let platform = Platform::start(options).await.unwrap();
    let client = platform.sign_up("direct_page").await.unwrap();
    let photo = fixtures::read("photo.jpg").unwrap();
    let request = json!({ "purpose": "avatar", "content_length": photo.len() });
    let ticket: Ticket = ask(&client, &request).await.expect(201).unwrap();
    let browser = Client::new("").unwrap();
    for (site, status, allowed) in [(SITE, 200, SITE), ("https://other.example", 403, "")] {
        let preflight = browser
            .request(Method::OPTIONS, &ticket.put.url)
            .header("origin", site)
            .header("access-control-request-method", "PUT")
            .header(
                "access-control-request-headers",
                "content-type, if-none-match",
            );
        let answer = Answer::read(preflight.send().await.unwrap()).await.unwrap();
        assert_eq!(
            answer.status.is_success(),
            status == 200,
            "{site}: {}",
            answer.text()
        );
        assert_eq!(
            answer.header("access-control-allow-origin"),
            allowed,
            "{site}"
        );
    }
    let mut put = browser
        .request(Method::PUT, &ticket.put.url)
        .header("origin", SITE);
    for (name, value) in &ticket.put.headers {
        // The HTTP client counts for itself.
        if name != "content-length" {
            put = put.header(name, value);
        }
    }
    let stored = Answer::read(put.body(photo).send().await.unwrap())
        .await
        .unwrap();
    stored.expect_status(200).unwrap();
    assert_eq!(stored.header("access-control-allow-origin"), SITE);
    let complete = format!("/v1/uploads/{}/complete", ticket.id);
    let completed = client.call(Method::POST, &complete).await.unwrap();
    completed.expect_status(201).unwrap();
    platform.stop().await.unwrap();
}
