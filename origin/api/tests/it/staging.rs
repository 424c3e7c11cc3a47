use std::time::Duration;

use serde_json::json;

use crate::support::{Answer, Person, World, call};

async fn ask(world: &World, person: &Person, length: usize) -> Answer {
    call("POST", "/edge/v1/upload-tickets")
        .token(&person.access)
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
