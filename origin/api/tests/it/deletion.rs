//! An account that its owner deletes, and what everybody sees of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Person, World, call};

const DAYS: Duration = Duration::from_hours(24);

async fn leave(world: &World, person: &Person, password: &str) -> Answer {
    call("DELETE", "/v1/me")
        .token(&person.access)
        .json(&json!({ "password": password }))
        .send(&world.origin)
        .await
}

async fn log_in(world: &World, password: &str, restore: bool) -> Answer {
    let request = json!({ "handle": "ada", "password": password, "restore": restore });
    call("POST", "/v1/sessions")
        .json(&request)
        .send(&world.origin)
        .await
}

async fn read(world: &World, path: &str) -> Answer {
    call("GET", path).send(&world.origin).await
}

/// Ada, with a profile picture and a post.
async fn ada(world: &World) -> (Person, Value, String) {
    let ada = world.sign_up("ada").await;
    let avatar = world.upload(&ada, "avatar").await;
    let set = call("PUT", "/v1/me/avatar").token(&ada.access);
    let set = set
        .json(&json!({ "upload_id": avatar }))
        .send(&world.origin);
    set.await.expect(200);
    let post = call("POST", "/v1/posts").token(&ada.access);
    let post = post.json(&json!({ "body": "hello" })).send(&world.origin);
    (
        ada,
        post.await.expect(201),
        format!("/edge/v1/media/{avatar}"),
    )
}

#[tokio::test]
async fn who_leaves_is_gone_for_everybody_at_once() {
    let world = World::new().await;
    let (ada, post, media) = ada(&world).await;
    let grace = world.sign_up("grace").await;
    read(&world, &media).await.expect(200);
    let phone = world.log_in("ada").await;
    let left = leave(&world, &ada, "correct horse").await.expect(202);
    assert!(left["delete_after"].is_string(), "{left}");

    for session in [&ada, &phone] {
        world
            .get(session, "/v1/me")
            .await
            .problem(401, "unauthorized");
        let request = json!({ "refresh_token": session.refresh });
        let refresh = call("POST", "/v1/sessions/refresh").json(&request);
        refresh
            .send(&world.origin)
            .await
            .problem(401, "unauthorized");
    }
    let post = format!("/v1/posts/{}", post["id"].as_str().unwrap());
    for path in ["/v1/profiles/ada", "/v1/profiles/ada/posts", &post, &media] {
        read(&world, path).await.problem(404, "not-found");
    }
    let newest = world.get(&grace, "/v1/posts").await.expect(200);
    assert_eq!(newest["items"], json!([]));
    let request = json!({ "handle": "ada", "password": "another horse" });
    let taken = call("POST", "/v1/accounts").json(&request);
    taken.send(&world.origin).await.problem(409, "handle-taken");
}

#[tokio::test]
async fn a_log_in_that_asks_for_it_brings_everything_back() {
    let world = World::new().await;
    let (ada, post, media) = ada(&world).await;
    let profile = read(&world, "/v1/profiles/ada").await.expect(200);
    leave(&world, &ada, "correct horse").await.expect(202);
    world.clock.advance(29 * DAYS);
    log_in(&world, "wrong horse", true)
        .await
        .problem(401, "invalid-credentials");
    let offer = log_in(&world, "correct horse", false).await;
    let offer = offer.problem(409, "account-leaving");
    assert!(offer["delete_after"].is_string());
    read(&world, "/v1/profiles/ada")
        .await
        .problem(404, "not-found");

    let session = log_in(&world, "correct horse", true).await.expect(201);
    let back = Person::of(&session);
    assert_eq!(back.id, ada.id);
    assert_eq!(read(&world, "/v1/profiles/ada").await.expect(200), profile);
    let path = format!("/v1/posts/{}", post["id"].as_str().unwrap());
    assert_eq!(world.get(&back, &path).await.expect(200), post);
    read(&world, &media).await.expect(200);
    // It is an ordinary account again, for which there is nothing to restore.
    log_in(&world, "correct horse", true).await.expect(201);
}

#[tokio::test]
async fn after_30_days_it_is_as_if_nobody_had_been_there() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    leave(&world, &ada, "correct horse").await.expect(202);
    world.clock.advance(30 * DAYS);
    for restore in [true, false] {
        let late = log_in(&world, "correct horse", restore).await;
        late.problem(401, "invalid-credentials");
    }
}

#[tokio::test]
async fn a_token_alone_deletes_nothing() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let bare = call("DELETE", "/v1/me").token(&ada.access);
    bare.send(&world.origin)
        .await
        .problem(415, "unsupported-media-type");
    let anonymous = call("DELETE", "/v1/me").json(&json!({ "password": "correct horse" }));
    anonymous
        .send(&world.origin)
        .await
        .problem(401, "unauthorized");
    for password in ["wrong horse", "", &"x".repeat(300)] {
        let refused = leave(&world, &ada, password).await;
        refused.problem(403, "forbidden");
    }
    world.get(&ada, "/v1/me").await.expect(200);
    for _ in 3..10 {
        leave(&world, &ada, "wrong horse")
            .await
            .problem(403, "forbidden");
    }
    let guessing = leave(&world, &ada, "correct horse").await;
    guessing.problem(429, "too-many-requests");
}
