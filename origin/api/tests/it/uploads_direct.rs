//! Tickets for clients that send the file to the store themselves.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Person, World, call, fixture};

const PATH: &str = "/v1/upload-tickets";

async fn ask(world: &World, person: &Person, request: &Value, key: Option<&str>) -> Answer {
    let mut ask = call("POST", PATH).token(&person.access).json(request);
    if let Some(key) = key {
        ask = ask.header("idempotency-key", key);
    }
    ask.send(&world.origin).await
}

fn avatar(length: usize) -> Value {
    json!({ "purpose": "avatar", "content_length": length })
}

async fn direct() -> World {
    World::with(|config| config.direct_uploads = true).await
}

#[tokio::test]
async fn they_are_off_where_clients_cannot_reach_the_store() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let answer = ask(&world, &ada, &avatar(9), None).await;
    answer.problem(404, "direct-uploads-off");
}

#[tokio::test]
async fn a_ticket_leads_to_the_same_upload_as_through_the_edge() {
    let world = direct().await;
    let ada = world.sign_up("ada").await;
    let file = fixture("photo.jpg");
    let request = json!({
        "purpose": "avatar", "content_length": file.len(), "sha256": "0a".repeat(32),
    });
    let ticket = ask(&world, &ada, &request, None).await.expect(201);
    let id = ticket["id"].as_str().unwrap();
    assert_eq!(
        ticket["put"]["url"],
        format!("http://public.test/staging/{id}")
    );
    assert_eq!(
        ticket["put"]["headers"]["content-length"],
        file.len().to_string()
    );
    assert_eq!(ticket["put"]["headers"]["x-sha256"], "0a".repeat(32));
    assert!(ticket["put"]["expires_at"].is_string());

    let id = id.parse().unwrap();
    world.complete(&ada, id).await.problem(409, "conflict");
    world.objects.store(&format!("staging/{id}"), &file);
    world.complete(&ada, id).await.expect(201);
    world.complete(&ada, id).await.expect(200);
}

#[tokio::test]
async fn they_have_the_rules_of_all_tickets() {
    let world = direct().await;
    let ada = world.sign_up("ada").await;
    ask(&world, &ada, &avatar(0), None)
        .await
        .problem(400, "invalid-request");
    ask(&world, &ada, &avatar(10_485_761), None)
        .await
        .problem(413, "too-large");
    ask(&world, &ada, &avatar(9), Some("two words"))
        .await
        .problem(400, "invalid-request");
    call("POST", PATH)
        .json(&avatar(9))
        .send(&world.origin)
        .await
        .problem(401, "unauthorized");
    for _ in 0..20 {
        ask(&world, &ada, &avatar(9), None).await.expect(201);
    }
    ask(&world, &ada, &avatar(9), None)
        .await
        .problem(429, "too-many-requests");
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_ticket_for_what_is_left_of_its_time() {
    let world = direct().await;
    let ada = world.sign_up("ada").await;
    let file = fixture("photo.png");
    let request = avatar(file.len());
    let first = ask(&world, &ada, &request, Some("k")).await;
    let quotas = first.header("ratelimit").to_owned();
    assert!(quotas.contains(r#""open-tickets";r=19"#), "{quotas}");
    let first = first.expect(201);
    world.clock.advance(Duration::from_mins(4));
    let again = ask(&world, &ada, &request, Some("k")).await;
    assert_eq!(again.header("ratelimit"), quotas, "what is left, once more");
    assert_ne!(again.header("ratelimit-policy"), "");
    let again = again.expect(201);
    assert_eq!(again["id"], first["id"]);
    let (ends, at_first) = (&again["put"]["expires_at"], &first["put"]["expires_at"]);
    assert!(
        ends.as_str() <= at_first.as_str(),
        "{ends} after {at_first}"
    );
    let other = ask(&world, &ada, &avatar(8), Some("k")).await;
    other.problem(422, "idempotency-key-reused");

    let id = first["id"].as_str().unwrap().parse().unwrap();
    world.objects.store(&format!("staging/{id}"), &file);
    let stored = ask(&world, &ada, &request, Some("k"))
        .await
        .problem(409, "conflict");
    assert_eq!(stored["upload_id"], first["id"]);
    world.complete(&ada, id).await.expect(201);
    let over = ask(&world, &ada, &request, Some("k"))
        .await
        .problem(409, "conflict");
    assert_eq!(over["upload_id"], first["id"]);
}

#[tokio::test]
async fn no_url_outlives_its_ticket() {
    let world = direct().await;
    let ada = world.sign_up("ada").await;
    let first = ask(&world, &ada, &avatar(9), Some("k")).await.expect(201);
    world.clock.advance(Duration::from_mins(11));
    let late = ask(&world, &ada, &avatar(9), Some("k"))
        .await
        .problem(409, "conflict");
    assert_eq!(late["upload_id"], first["id"]);
}

/// Gives a ticket back, and stores a file by its URL all the same.
async fn give_back_and_store(world: &World, person: &Person, ticket: &Value, file: &[u8]) {
    let id = ticket["id"].as_str().unwrap();
    let path = format!("/v1/uploads/{id}");
    let given_back = call("DELETE", &path).token(&person.access);
    given_back.send(&world.origin).await.expect(204);
    world.objects.store(&format!("staging/{id}"), file);
    let state = world.get(person, &path).await.expect(200);
    assert_eq!(state["status"], "expired");
}

#[tokio::test]
async fn a_url_counts_towards_the_quota_until_it_ends() {
    let world = World::with(|config| {
        config.direct_uploads = true;
        config.limits.quota.open_tickets = 2;
    })
    .await;
    let ada = world.sign_up("ada").await;
    for _ in 0..2 {
        let ticket = ask(&world, &ada, &avatar(9), None).await.expect(201);
        give_back_and_store(&world, &ada, &ticket, b"not asked").await;
    }
    let refused = ask(&world, &ada, &avatar(9), None).await;
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((590..=600).contains(&wait), "{wait}");
    let problem = refused.problem(429, "too-many-requests");
    assert_eq!(problem["quota"], "open-tickets");
    world.clock.advance(Duration::from_mins(10));
    ask(&world, &ada, &avatar(9), None).await.expect(201);
}

#[tokio::test]
async fn a_url_counts_towards_the_budget_until_it_ends() {
    let world = World::with(|config| {
        config.direct_uploads = true;
        config.staging_budget = 400;
    })
    .await;
    let (ada, bob) = (world.sign_up("ada").await, world.sign_up("bob").await);
    for _ in 0..2 {
        let ticket = ask(&world, &ada, &avatar(100), None).await.expect(201);
        give_back_and_store(&world, &ada, &ticket, &[0; 100]).await;
    }
    let bobs = |world: &World, path: &str, length| {
        let ask = call("POST", path).token(&bob.access).json(&avatar(length));
        // A process that knows nothing but what is in the database.
        let origin = world.another_origin();
        async move { ask.send(&origin).await }
    };
    let edge = "/edge/v1/upload-tickets";
    let full = bobs(&world, edge, 201).await;
    full.problem(503, "storage-full");
    bobs(&world, edge, 200).await.expect(201);
    world.clock.advance(Duration::from_mins(10));
    bobs(&world, edge, 200).await.expect(201);
}

#[tokio::test]
async fn urls_without_a_file_leave_room_for_uploads_through_edges() {
    let world = World::with(|config| {
        config.direct_uploads = true;
        config.staging_budget = 400;
    })
    .await;
    let (ada, bob) = (world.sign_up("ada").await, world.sign_up("bob").await);
    ask(&world, &ada, &avatar(100), None).await.expect(201);
    ask(&world, &bob, &avatar(100), None).await.expect(201);
    let full = ask(&world, &ada, &avatar(1), None).await;
    assert_eq!(full.header("retry-after"), "30");
    full.problem(503, "storage-full");
    world.ticket(&bob, "avatar", 200).await;
}

#[tokio::test]
async fn a_ticket_of_an_edge_never_becomes_a_client_s() {
    let world = direct().await;
    let ada = world.sign_up("ada").await;
    let at_edge = call("POST", "/edge/v1/upload-tickets")
        .token(&ada.access)
        .header("idempotency-key", "k")
        .json(&avatar(9));
    let ticket = at_edge.send(&world.origin).await.expect(201);
    let running = ask(&world, &ada, &avatar(9), Some("k")).await;
    assert_eq!(running.problem(409, "conflict")["upload_id"], ticket["id"]);
}
