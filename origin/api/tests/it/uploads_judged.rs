use serde_json::json;
use sluicegate_core::job::IMAGE_QUEUE;
use sluicegate_core::moderation::Outcome;

use crate::support::{Mood, World, call, fixture};

/// The detector is asked before `complete` answers.
async fn judging() -> World {
    World::with(|config| {
        config.image_sync = true;
        config.image_checks = true;
    })
    .await
}

#[tokio::test]
async fn a_safe_picture_is_made_and_passed_before_the_answer() {
    let world = judging().await;
    let ada = world.sign_up("ada").await;
    let id = world.staged(&ada, "avatar", &fixture("photo.png")).await;
    let upload = world.complete(&ada, id).await.expect(201);
    assert_eq!(
        (&upload["status"], &upload["moderation"]),
        (&json!("ready"), &json!("passed"))
    );
    assert_eq!(upload["width"], 400);
    assert!(world.objects.has(&format!("media/{id}.webp")));
    assert!(!world.objects.has(&format!("staging/{id}")));
    let now = world.state.env.now();
    assert_eq!(
        world
            .database
            .jobs()
            .stats(IMAGE_QUEUE, now)
            .await
            .unwrap()
            .ready,
        0
    );
    let records = world.state.uploads.records(id).await.unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(
        (records[0].outcome, records[0].source.as_str()),
        (Outcome::Passed, "moody")
    );

    assert_eq!(world.complete(&ada, id).await.expect(200), upload);
    let grant = call("GET", &format!("/edge/v1/media/{id}"))
        .send(&world.origin)
        .await
        .expect(200);
    assert_eq!(grant["cache_control"], "public, max-age=300, s-maxage=3600");
    assert_eq!(world.maker.calls(), 1);
}

#[tokio::test]
async fn an_unsafe_picture_is_refused_and_gone() {
    let world = judging().await;
    world.detector.set(Mood::Unsafe);
    let ada = world.sign_up("ada").await;
    let id = world.staged(&ada, "avatar", &fixture("photo.png")).await;
    let problem = world
        .complete(&ada, id)
        .await
        .problem(422, "content-refused");
    assert_eq!(problem["reason"], "unsafe");
    assert!(!world.objects.has(&format!("media/{id}.webp")));
    assert!(!world.objects.has(&format!("staging/{id}")));
    let upload = world
        .get(&ada, &format!("/v1/uploads/{id}"))
        .await
        .expect(200);
    assert_eq!(
        (&upload["status"], &upload["moderation"]),
        (&json!("rejected"), &json!("removed"))
    );
    let records = world.state.uploads.records(id).await.unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].outcome, Outcome::Removed);

    world.detector.set(Mood::Safe);
    world
        .complete(&ada, id)
        .await
        .problem(422, "content-refused");
    let set = call("PUT", "/v1/me/avatar")
        .token(&ada.access)
        .json(&json!({ "upload_id": id }));
    set.send(&world.origin)
        .await
        .problem(422, "unsuitable-upload");
    let grant = call("GET", &format!("/edge/v1/media/{id}"))
        .send(&world.origin)
        .await;
    grant.problem(404, "not-found");
}

#[tokio::test]
async fn an_unsafe_file_that_cannot_be_deleted_is_deleted_by_the_next_call() {
    let world = judging().await;
    world.detector.set(Mood::Unsafe);
    let ada = world.sign_up("ada").await;
    let id = world.staged(&ada, "avatar", &fixture("photo.png")).await;
    let (staged, media) = (format!("staging/{id}"), format!("media/{id}.webp"));
    // A call that came between stored it.
    world.objects.store(&media, b"a picture");
    world.objects.set_keeps_all(true);
    for _ in 0..2 {
        let answer = world.complete(&ada, id).await;
        answer.problem(503, "unavailable");
        assert!(world.objects.has(&staged));
    }
    world.objects.set_keeps_all(false);
    let answer = world.complete(&ada, id).await;
    answer.problem(422, "content-refused");
    assert!(!world.objects.has(&staged) && !world.objects.has(&media));
}

#[tokio::test]
async fn a_detector_that_is_down_judges_nothing_and_loses_nothing() {
    let world = judging().await;
    world.detector.set(Mood::Down);
    let ada = world.sign_up("ada").await;
    let id = world.staged(&ada, "avatar", &fixture("photo.png")).await;
    let answer = world.complete(&ada, id).await;
    assert_eq!(answer.header("retry-after"), "10");
    let problem = answer.problem(503, "unavailable");
    assert!(!problem.to_string().contains("detector.internal"));
    assert!(!world.objects.has(&format!("media/{id}.webp")));
    assert!(world.objects.has(&format!("staging/{id}")));
    let upload = world
        .get(&ada, &format!("/v1/uploads/{id}"))
        .await
        .expect(200);
    assert_eq!(upload["status"], "ticketed");
    assert!(world.state.uploads.records(id).await.unwrap().is_empty());

    world.detector.set(Mood::Safe);
    world.complete(&ada, id).await.expect(201);
}

#[tokio::test]
async fn a_bug_is_a_500_that_shows_nothing() {
    let world = judging().await;
    world.detector.set(Mood::Panics);
    let ada = world.sign_up("ada").await;
    let id = world.staged(&ada, "avatar", &fixture("photo.png")).await;
    let problem = world.complete(&ada, id).await.problem(500, "internal");
    assert!(!problem.to_string().contains("bug"));
    world.detector.set(Mood::Safe);
    world.complete(&ada, id).await.expect(201);
}

#[tokio::test]
async fn a_file_that_only_decoding_shows_to_be_broken_is_refused() {
    let world = judging().await;
    let ada = world.sign_up("ada").await;
    let mut file = fixture("photo.png");
    file.extend(b"not what it seems");
    let id = world.staged(&ada, "avatar", &file).await;
    let problem = world
        .complete(&ada, id)
        .await
        .problem(422, "picture-refused");
    assert_eq!(problem["reason"], "broken");
    assert!(!world.objects.has(&format!("staging/{id}")));
}

#[tokio::test]
async fn completing_twice_at_once_makes_one_upload() {
    let world = judging().await;
    let ada = world.sign_up("ada").await;
    let id = world.staged(&ada, "avatar", &fixture("photo.png")).await;
    let (one, two) = tokio::join!(world.complete(&ada, id), world.complete(&ada, id));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 201], "{} {}", one.text(), two.text());
    assert!(world.objects.has(&format!("media/{id}.webp")));
    assert_eq!(world.state.uploads.records(id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn more_than_can_be_judged_are_told_to_come_back() {
    let world = World::with(|config| {
        config.image_sync = true;
        config.image_checks = true;
        config.judged_completions = 1;
    })
    .await;
    world.maker.hold();
    let ada = world.sign_up("ada").await;
    let mut calls = tokio::task::JoinSet::new();
    let world = std::sync::Arc::new(world);
    let ada = std::sync::Arc::new(ada);
    for _ in 0..10 {
        let id = world.staged(&ada, "avatar", &fixture("photo.png")).await;
        let (world, ada) = (world.clone(), ada.clone());
        calls.spawn(async move { world.complete(&ada, id).await });
    }
    // One is judged, eight wait in line.
    let first = calls.join_next().await.unwrap().unwrap();
    first.problem(503, "unavailable");
    world.maker.let_go(9);
    while let Some(answer) = calls.join_next().await {
        answer.unwrap().expect(201);
    }
}

#[tokio::test]
async fn without_a_detector_there_is_nobody_to_ask() {
    let world = World::with(|config| config.image_sync = true).await;
    let ada = world.sign_up("ada").await;
    let id = world.staged(&ada, "avatar", &fixture("photo.png")).await;
    let upload = world.complete(&ada, id).await.expect(201);
    assert_eq!(
        (&upload["status"], &upload["moderation"]),
        (&json!("received"), &json!("unreviewed"))
    );
}
