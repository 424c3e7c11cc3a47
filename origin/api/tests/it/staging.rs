use std::time::Duration;

use serde_json::json;
use sluicegate_contract::ids::UploadId;

use crate::support::{Answer, Person, World, call, fixture};

async fn ask(world: &World, person: &Person, length: usize) -> Answer {
    call("POST", "/edge/v1/upload-tickets")
        .token(&person.access)
        .json(&json!({ "purpose": "avatar", "content_length": length }))
        .send(&world.origin)
        .await
}

/// As above, with an `Idempotency-Key`.
async fn ask_named(world: &World, person: &Person, key: &str, length: usize) -> Answer {
    call("POST", "/edge/v1/upload-tickets")
        .token(&person.access)
        .header("idempotency-key", key)
        .json(&json!({ "purpose": "avatar", "content_length": length }))
        .send(&world.origin)
        .await
}

#[tokio::test]
async fn tickets_are_refused_before_the_store_is_full() {
    let world = World::with(|config| config.staging_budget = 250).await;
    let (ada, bob) = (world.sign_up("ada").await, world.sign_up("bob").await);
    let first = world.ticket(&ada, "avatar", 100).await;
    world.ticket(&bob, "avatar", 100).await;
    let full = ask(&world, &bob, 100).await;
    assert_eq!(full.header("retry-after"), "30");
    let problem = full.problem(503, "storage-full");
    assert_eq!(problem["retry_after"], 30);
    ask(&world, &bob, 50).await.expect(201);

    // What is given up makes room.
    call("DELETE", &format!("/v1/uploads/{first}"))
        .token(&ada.access)
        .send(&world.origin)
        .await;
    let room = tokio::time::timeout(Duration::from_secs(20), async {
        while ask(&world, &bob, 100).await.status != 201 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(room.await.is_ok(), "no room");
}

#[tokio::test]
async fn a_repeat_needs_no_room() {
    let file = fixture("photo.jpg");
    let budget = u64::try_from(file.len()).unwrap() + 100;
    let world = World::with(|config| config.staging_budget = budget).await;
    let (ada, bob) = (world.sign_up("ada").await, world.sign_up("bob").await);
    let ticket = ask_named(&world, &ada, "k", file.len()).await.expect(201);
    ask(&world, &bob, 101).await.problem(503, "storage-full");

    // The same answers as with room: under way, then stored, then complete.
    let running = ask_named(&world, &ada, "k", file.len()).await;
    assert_eq!(running.problem(409, "conflict")["upload_id"], ticket["id"]);
    let id: UploadId = ticket["id"].as_str().unwrap().parse().unwrap();
    world.objects.store(&format!("staging/{id}"), &file);
    let stored = json!({ "id": ticket["id"] });
    let repeated = ask_named(&world, &ada, "k", file.len()).await;
    assert_eq!(repeated.expect(200), stored);
    let first = world.complete(&ada, id).await.expect(201);
    let repeated = ask_named(&world, &ada, "k", file.len()).await;
    assert_eq!(repeated.expect(200), stored);
    assert_eq!(world.complete(&ada, id).await.expect(200), first);

    // It is the request that repeats, not the key alone; and a new one needs room.
    let other = ask_named(&world, &ada, "k", 1).await;
    other.problem(422, "idempotency-key-reused");
    for (person, key) in [(&ada, "new"), (&bob, "k")] {
        let new = ask_named(&world, person, key, file.len() + 101).await;
        new.problem(503, "storage-full");
    }
}

#[tokio::test]
async fn what_is_refused_takes_no_room() {
    let world = World::with(|config| {
        config.staging_budget = 250;
        config.limits.quota.pictures = 1;
    })
    .await;
    let (ada, bob) = (world.sign_up("ada").await, world.sign_up("bob").await);
    ask_named(&world, &ada, "k", 100).await.expect(201);
    ask_named(&world, &ada, "k", 100)
        .await
        .problem(409, "conflict");
    ask(&world, &ada, 100)
        .await
        .problem(429, "too-many-requests");
    ask(&world, &bob, 150).await.expect(201);
}
