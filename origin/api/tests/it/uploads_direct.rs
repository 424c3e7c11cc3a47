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
    let first = ask(&world, &ada, &request, Some("k")).await.expect(201);
    world.clock.advance(Duration::from_mins(4));
    let again = ask(&world, &ada, &request, Some("k")).await.expect(201);
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
