use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_api::EdgeKey;
use sluicegate_core::job::IMAGE_QUEUE;

use crate::support::{World, call, fixture};

#[tokio::test]
async fn a_ticket_is_for_one_object_of_one_size() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let sha256 = "0a".repeat(32);
    let request = json!({ "purpose": "avatar", "content_length": 1_234, "sha256": sha256 });
    let ticket = call("POST", "/edge/v1/upload-tickets")
        .token(&ada.access)
        .json(&request);
    let ticket = ticket.send(&world.origin).await.expect(201);
    let id = ticket["id"].as_str().unwrap();
    assert_eq!(ticket["key"], format!("{id}.webp"));
    assert_eq!(ticket["url"], format!("/media/{id}.webp"));
    assert_eq!(
        ticket["put"]["url"],
        format!("http://store.test/staging/{id}")
    );
    assert_eq!(ticket["put"]["headers"]["content-length"], "1234");
    assert_eq!(ticket["put"]["headers"]["x-sha256"], sha256);

    let status = world
        .get(&ada, &format!("/v1/uploads/{id}"))
        .await
        .expect(200);
    assert_eq!(status["status"], "ticketed");
    assert_eq!(status["purpose"], "avatar");
}

#[tokio::test]
async fn what_no_ticket_is_given_for() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let ask = async |request: Value| {
        let ask = call("POST", "/edge/v1/upload-tickets")
            .token(&ada.access)
            .json(&request);
        ask.send(&world.origin).await
    };
    ask(json!({ "purpose": "avatar", "content_length": 0 }))
        .await
        .problem(400, "invalid-request");
    ask(json!({ "purpose": "banner", "content_length": 9 }))
        .await
        .problem(400, "invalid-request");
    let bad_hash = json!({ "purpose": "avatar", "content_length": 9, "sha256": "0A" });
    ask(bad_hash).await.problem(400, "invalid-request");
    let large = ask(json!({ "purpose": "avatar", "content_length": 10_485_761 })).await;
    assert_eq!(large.problem(413, "too-large")["limit"], 10_485_760);
    let anonymous = call("POST", "/edge/v1/upload-tickets")
        .json(&json!({ "purpose": "avatar", "content_length": 9 }));
    anonymous
        .send(&world.origin)
        .await
        .problem(401, "unauthorized");
}

#[tokio::test]
async fn the_edge_key_is_demanded_where_one_is_set() {
    let world = World::with(|config| config.edge_key = Some(EdgeKey::new("the edge key"))).await;
    let ada = world.sign_up("ada").await;
    let ask = |key: &str| {
        call("POST", "/edge/v1/upload-tickets")
            .token(&ada.access)
            .header("sluicegate-edge-key", key)
            .json(&json!({ "purpose": "avatar", "content_length": 9 }))
    };
    ask("a guess")
        .send(&world.origin)
        .await
        .problem(403, "forbidden");
    ask("the edge key").send(&world.origin).await.expect(201);
    let media = "/edge/v1/media/01890a5d-ac96-774b-bcce-b302099a8057";
    call("GET", media)
        .send(&world.origin)
        .await
        .problem(403, "forbidden");
    let media = call("GET", media).header("sluicegate-edge-key", "the edge key");
    media.send(&world.origin).await.problem(404, "not-found");
}

#[tokio::test]
async fn completing_commits_the_upload_and_its_job_once() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let id = world.staged(&ada, "avatar", &fixture("photo.jpg")).await;
    let answer = world.complete(&ada, id).await;
    assert_eq!(answer.header("location"), format!("/v1/uploads/{id}"));
    let upload = answer.expect(201);
    assert_eq!(upload["status"], "received");
    assert_eq!(upload["moderation"], "unreviewed");
    let again = world.complete(&ada, id).await.expect(200);
    assert_eq!(again, upload);
    let stats = world
        .database
        .jobs()
        .stats(IMAGE_QUEUE, world.state.env.now())
        .await
        .unwrap();
    assert_eq!(stats.ready, 1);
    assert!(
        world.objects.has(&format!("staging/{id}")),
        "the worker needs it"
    );
}

#[tokio::test]
async fn an_upload_of_somebody_else_is_as_good_as_none() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let eve = world.sign_up("eve").await;
    let id = world.staged(&ada, "avatar", &fixture("photo.jpg")).await;
    world.complete(&eve, id).await.problem(404, "not-found");
    world
        .get(&eve, &format!("/v1/uploads/{id}"))
        .await
        .problem(404, "not-found");
    world
        .get(&eve, &format!("/v1/uploads/{id}/events"))
        .await
        .problem(404, "not-found");
    world.complete(&ada, id).await.expect(201);
}

#[tokio::test]
async fn nothing_is_completed_before_it_is_stored() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let file = fixture("photo.jpg");
    let id = world.ticket(&ada, "avatar", file.len()).await;
    world.complete(&ada, id).await.problem(409, "conflict");
    world.objects.store(&format!("staging/{id}"), &file);
    world.complete(&ada, id).await.expect(201);
}

#[tokio::test]
async fn a_ticket_that_ran_out_completes_nothing() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let id = world.staged(&ada, "avatar", &fixture("photo.jpg")).await;
    world.clock.advance(Duration::from_mins(10));
    // A transfer may begin in the last second of the URL and take its time; the token runs out later.
    let late = world.staged(&ada, "avatar", &fixture("photo.jpg")).await;
    world.complete(&ada, late).await.expect(201);
    world.clock.advance(Duration::from_mins(15));
    let log_in = json!({ "handle": "ada", "password": "correct horse" });
    let session = call("POST", "/v1/sessions")
        .json(&log_in)
        .send(&world.origin)
        .await
        .expect(201);
    let ada = crate::support::Person::of(&session);
    world
        .complete(&ada, id)
        .await
        .problem(410, "upload-expired");
}

#[tokio::test]
async fn the_origin_looks_at_what_was_stored() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    for (file, status, slug, reason) in [
        (
            fixture("text-named.jpg"),
            415,
            "unsupported-media-type",
            "unsupported",
        ),
        (fixture("animated.png"), 422, "picture-refused", "animated"),
        (
            fixture("huge.png"),
            422,
            "picture-refused",
            "too_many_pixels",
        ),
        (
            fixture("photo.png")[..20].to_vec(),
            422,
            "picture-refused",
            "broken",
        ),
    ] {
        let id = world.staged(&ada, "avatar", &file).await;
        let problem = world.complete(&ada, id).await.problem(status, slug);
        assert_eq!(problem["reason"], reason);
        assert!(
            !world.objects.has(&format!("staging/{id}")),
            "{reason}: it must be gone"
        );
        let upload = world
            .get(&ada, &format!("/v1/uploads/{id}"))
            .await
            .expect(200);
        assert_eq!(
            (&upload["status"], &upload["reason"]),
            (&json!("rejected"), &json!(reason))
        );
        world.complete(&ada, id).await.problem(status, slug);
    }
    let id = world.ticket(&ada, "avatar", 10).await;
    world
        .objects
        .store(&format!("staging/{id}"), &fixture("photo.png"));
    let problem = world
        .complete(&ada, id)
        .await
        .problem(422, "picture-refused");
    assert_eq!(problem["reason"], "length");
}

#[tokio::test]
async fn the_name_of_a_file_does_not_count() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    for file in ["png-named.jpg", "photo.webp", "photo.png"] {
        let id = world.staged(&ada, "post_header", &fixture(file)).await;
        world.complete(&ada, id).await.expect(201);
    }
}

#[tokio::test]
async fn a_store_that_is_down_ends_no_upload() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let id = world.staged(&ada, "avatar", &fixture("photo.jpg")).await;
    world.objects.set_down(true);
    let answer = world.complete(&ada, id).await;
    assert_ne!(answer.header("retry-after"), "");
    let problem = answer.problem(503, "unavailable");
    assert!(!problem.to_string().contains("internal:9000"));
    world.objects.set_down(false);
    world.complete(&ada, id).await.expect(201);
}

#[tokio::test]
async fn a_call_that_a_fast_worker_overtakes_gets_the_answer_of_the_first() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let id = world.staged(&ada, "avatar", &fixture("photo.png")).await;
    let (origin, objects) = (world.origin.clone(), world.objects.clone());
    let first = call("POST", &format!("/v1/uploads/{id}/complete")).token(&ada.access);
    world.objects.before_next_head(async move {
        first.send(&origin).await.expect(201);
        objects.forget(&format!("staging/{id}"));
    });
    let upload = world.complete(&ada, id).await.expect(200);
    assert_eq!(upload["status"], "received");

    let absent = world.ticket(&ada, "avatar", 7).await;
    let answer = world.complete(&ada, absent).await;
    answer.problem(409, "conflict");
}
