//! `Idempotency-Key`: a repeat is the same upload.

use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_contract::ids::UploadId;

use crate::support::{Answer, Person, World, call, fixture};

/// What an edge asks for a client with this key.
async fn ask(world: &World, person: &Person, key: &str, request: &Value) -> Answer {
    let ask = call("POST", "/edge/v1/upload-tickets")
        .token(&person.access)
        .header("idempotency-key", key)
        .json(request);
    ask.send(&world.origin).await
}

fn avatar(length: usize) -> Value {
    json!({ "purpose": "avatar", "content_length": length })
}

fn id(ticket: &Value) -> UploadId {
    ticket["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_repeat_while_the_first_runs_is_told_so() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let ticket = ask(&world, &ada, "k", &avatar(9)).await.expect(201);
    let running = ask(&world, &ada, "k", &avatar(9)).await;
    assert_ne!(running.header("retry-after"), "");
    assert_eq!(running.problem(409, "conflict")["upload_id"], ticket["id"]);

    // With that id the client can give up an upload that its edge took with it.
    let path = format!("/v1/uploads/{}", id(&ticket));
    let delete = call("DELETE", &path).token(&ada.access);
    delete.send(&world.origin).await.expect(204);
    // What the edge was sending then arrives all the same, and is not kept: it counts nowhere.
    let late = id(&ticket);
    world.objects.store(&format!("staging/{late}"), b"too late");
    let refused = world.complete(&ada, late).await;
    refused.problem(410, "upload-expired");
    assert!(!world.objects.has(&format!("staging/{late}")));
    let next = ask(&world, &ada, "k", &avatar(9)).await.expect(201);
    assert_ne!(next["id"], ticket["id"]);
}

#[tokio::test]
async fn what_is_stored_is_not_sent_again() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let file = fixture("photo.jpg");
    let ticket = ask(&world, &ada, "k", &avatar(file.len()))
        .await
        .expect(201);
    let id = id(&ticket);
    world.objects.store(&format!("staging/{id}"), &file);
    // The edge died before it could complete: a repeat does that.
    let stored = ask(&world, &ada, "k", &avatar(file.len()))
        .await
        .expect(200);
    assert_eq!(stored, json!({ "id": ticket["id"] }));
    let first = world.complete(&ada, id).await.expect(201);
    for _ in 0..2 {
        let stored = ask(&world, &ada, "k", &avatar(file.len()))
            .await
            .expect(200);
        assert_eq!(stored, json!({ "id": ticket["id"] }));
        assert_eq!(world.complete(&ada, id).await.expect(200), first);
    }
}

#[tokio::test]
async fn a_key_stands_for_one_request_of_one_person() {
    let world = World::new().await;
    let (ada, eve) = (world.sign_up("ada").await, world.sign_up("eve").await);
    let ticket = ask(&world, &ada, "k", &avatar(9)).await.expect(201);
    let sha256 = "0a".repeat(32);
    for other in [
        avatar(8),
        json!({ "purpose": "post_header", "content_length": 9 }),
        json!({ "purpose": "avatar", "content_length": 9, "sha256": sha256 }),
    ] {
        let refused = ask(&world, &ada, "k", &other).await;
        let problem = refused.problem(422, "idempotency-key-reused");
        assert_eq!(problem["upload_id"], ticket["id"]);
    }
    let hers = ask(&world, &eve, "k", &avatar(8)).await.expect(201);
    assert_ne!(hers["id"], ticket["id"]);
    for bad in ["", "two words", &"k".repeat(256)] {
        ask(&world, &ada, bad, &avatar(9))
            .await
            .problem(400, "invalid-request");
    }
    let twice = call("POST", "/edge/v1/upload-tickets")
        .token(&ada.access)
        .header("idempotency-key", "a")
        .header("idempotency-key", "b")
        .json(&avatar(9));
    twice
        .send(&world.origin)
        .await
        .problem(400, "invalid-request");
}

#[tokio::test]
async fn what_was_refused_stays_refused_under_its_key() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let file = b"no picture at all, whatever it is called";
    let ticket = ask(&world, &ada, "k", &avatar(file.len()))
        .await
        .expect(201);
    let id = id(&ticket);
    world.objects.store(&format!("staging/{id}"), file);
    world
        .complete(&ada, id)
        .await
        .problem(415, "unsupported-media-type");
    ask(&world, &ada, "k", &avatar(file.len()))
        .await
        .expect(200);
    world
        .complete(&ada, id)
        .await
        .problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn another_file_of_the_same_length_is_no_repeat() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let ask_with = async |key: &str, head: Option<&str>| {
        let mut ask = call("POST", "/edge/v1/upload-tickets")
            .token(&ada.access)
            .header("idempotency-key", key)
            .json(&avatar(9));
        if let Some(head) = head {
            ask = ask.header("sluicegate-head-sha256", head);
        }
        ask.send(&world.origin).await
    };
    let (one, other) = ("0a".repeat(32), "0b".repeat(32));
    let ticket = ask_with("k", Some(&one)).await.expect(201);
    let refused = ask_with("k", Some(&other)).await;
    let problem = refused.problem(422, "idempotency-key-reused");
    assert_eq!(problem["upload_id"], ticket["id"]);
    ask_with("k", Some(&one)).await.problem(409, "conflict");
    // Older edges say nothing of the file, at first or later.
    ask_with("k", None).await.problem(409, "conflict");
    ask_with("old", None).await.expect(201);
    ask_with("old", Some(&one)).await.problem(409, "conflict");
    for bad in ["", "0a", &"0A".repeat(32)] {
        let answer = ask_with("bad", Some(bad)).await;
        answer.problem(400, "invalid-request");
    }
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let file = fixture("photo.png");
    let request = avatar(file.len());
    let ticket = ask(&world, &ada, "k", &request).await.expect(201);
    world
        .objects
        .store(&format!("staging/{}", id(&ticket)), &file);
    world.complete(&ada, id(&ticket)).await.expect(201);
    world.clock.advance(Duration::from_hours(25));
    let ada = world.log_in("ada").await;
    let next = ask(&world, &ada, "k", &request).await.expect(201);
    assert_ne!(next["id"], ticket["id"]);
}

#[tokio::test]
async fn of_many_repeats_at_once_one_gets_a_ticket() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let request = avatar(9);
    let asks = (0..8).map(|_| ask(&world, &ada, "k", &request));
    let answers = futures_util::future::join_all(asks).await;
    let given = answers.iter().filter(|answer| answer.status == 201).count();
    let running = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((given, running), (1, 7));
}
