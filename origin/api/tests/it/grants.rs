use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sluicegate_core::moderation::{Outcome, Record, Subject};
use sluicegate_core::ports::ImageVerdict;
use sluicegate_core::upload::Maker;

use crate::support::{World, call};

#[tokio::test]
async fn a_picture_is_made_when_it_is_asked_for() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let id = world.upload(&ada, "avatar").await;
    let grant = call("GET", &format!("/edge/v1/media/{id}"))
        .send(&world.origin)
        .await
        .expect(200);
    assert_eq!(grant["url"], format!("http://store.test/media/{id}.webp"));
    assert_eq!(grant["type"], "image/webp");
    assert_eq!(grant["cache_control"], "public, max-age=60");
    assert_eq!(grant["state"], "unreviewed");
    assert_eq!(
        grant["etag"].as_str().unwrap().len(),
        66,
        "a quoted SHA-256"
    );
    assert!(grant["length"].as_u64().unwrap() > 0);
    let upload = world
        .get(&ada, &format!("/v1/uploads/{id}"))
        .await
        .expect(200);
    assert_eq!(upload["status"], "ready");
}

#[tokio::test]
async fn whoever_asks_at_once_waits_for_the_same_picture() {
    let world = World::new().await;
    let other = world.another_origin();
    let ada = world.sign_up("ada").await;
    let id = world.upload(&ada, "avatar").await;
    world.maker.hold();
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..12 {
        let origin = if number % 2 == 0 {
            world.origin.clone()
        } else {
            other.clone()
        };
        calls.spawn(async move {
            call("GET", &format!("/edge/v1/media/{id}"))
                .send(&origin)
                .await
        });
    }
    while world.maker.calls() == 0 {
        tokio::task::yield_now().await;
    }
    // More than it needs: were it made more than once, nothing would hold that up.
    world.maker.let_go(12);
    while let Some(answer) = calls.join_next().await {
        answer.unwrap().expect(200);
    }
    assert_eq!(world.maker.calls(), 1);
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_stop_the_making() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let id = world.upload(&ada, "avatar").await;
    world.maker.hold();
    let path = format!("/edge/v1/media/{id}");
    let origin = world.origin.clone();
    let gone = tokio::spawn({
        let path = path.clone();
        async move { call("GET", &path).send(&origin).await }
    });
    while world.maker.calls() == 0 {
        tokio::task::yield_now().await;
    }
    gone.abort();
    world.maker.let_go(1);
    call("GET", &path).send(&world.origin).await.expect(200);
    assert_eq!(world.maker.calls(), 1);
}

#[tokio::test]
async fn beyond_the_cap_clients_are_told_to_come_back() {
    let world = Arc::new(World::with(|config| config.on_demand_cap = 1).await);
    let ada = world.sign_up("ada").await;
    let first = world.upload(&ada, "avatar").await;
    let second = world.upload(&ada, "avatar").await;
    world.maker.hold();
    let origin = world.origin.clone();
    let making = tokio::spawn(async move {
        call("GET", &format!("/edge/v1/media/{first}"))
            .send(&origin)
            .await
    });
    while world.maker.calls() == 0 {
        tokio::task::yield_now().await;
    }
    let full = call("GET", &format!("/edge/v1/media/{second}"))
        .send(&world.origin)
        .await;
    assert_eq!(full.header("retry-after"), "2");
    assert_eq!(full.header("cache-control"), "no-store");
    full.problem(503, "unavailable");
    world.maker.let_go(2);
    making.await.unwrap().expect(200);
    call("GET", &format!("/edge/v1/media/{second}"))
        .send(&world.origin)
        .await
        .expect(200);
}

#[tokio::test]
async fn somebody_elses_making_is_waited_for_only_so_long() {
    let world = World::with(|config| config.on_demand_wait = Duration::from_millis(50)).await;
    let ada = world.sign_up("ada").await;
    let id = world.upload(&ada, "avatar").await;
    let (now, lease) = (world.state.env.now(), Duration::from_secs(90));
    let somebody = Maker {
        upload: id,
        token: world.state.env.new_id(),
    };
    world
        .state
        .uploads
        .claim_making(&somebody, now, lease, None)
        .await
        .unwrap();
    let busy = call("GET", &format!("/edge/v1/media/{id}"))
        .send(&world.origin)
        .await;
    assert_eq!(busy.header("retry-after"), "2");
    busy.problem(503, "unavailable");
}

#[tokio::test]
async fn what_is_not_to_be_seen_is_not_found() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let ticketed = world.ticket(&ada, "avatar", 100).await;
    let removed = world.upload(&ada, "avatar").await;
    let path = format!("/edge/v1/media/{removed}");
    call("GET", &path).send(&world.origin).await.expect(200);
    let now = world.state.env.now();
    let record = Record {
        id: world.state.env.new_id(),
        subject: Subject::Upload(removed),
        owner: ada.id.parse().unwrap(),
        source: "a person".to_owned(),
        stage: "image".to_owned(),
        outcome: Outcome::Removed,
        reason: "not nice".to_owned(),
        confidence: 1.0,
        scores: json!(null),
        created_at: now,
    };
    let verdict = ImageVerdict::Removed(record);
    world
        .state
        .uploads
        .apply_verdict(removed, &verdict, None, now)
        .await
        .unwrap();
    for id in [
        ticketed.to_string(),
        removed.to_string(),
        "x".to_owned(),
        format!("{removed}.webp"),
    ] {
        let answer = call("GET", &format!("/edge/v1/media/{id}"))
            .send(&world.origin)
            .await;
        assert_eq!(answer.header("cache-control"), "no-store");
        answer.problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_not_found_and_rejected() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let mut file = crate::support::fixture("photo.png");
    file.extend(b"not what it seems");
    let id = world.staged(&ada, "avatar", &file).await;
    world.complete(&ada, id).await.expect(201);
    let answer = call("GET", &format!("/edge/v1/media/{id}"))
        .send(&world.origin)
        .await;
    answer.problem(404, "not-found");
    let upload = world
        .get(&ada, &format!("/v1/uploads/{id}"))
        .await
        .expect(200);
    assert_eq!(
        (&upload["status"], &upload["reason"]),
        (&json!("rejected"), &json!("broken"))
    );
}
