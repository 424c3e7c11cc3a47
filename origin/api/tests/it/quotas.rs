use std::time::Duration;

use serde_json::json;
use sluicegate_core::quota::Quota;

use crate::support::{Answer, Person, World, call, fixture};

async fn ask(world: &World, person: &Person, length: usize) -> Answer {
    call("POST", "/edge/v1/upload-tickets")
        .token(&person.access)
        .json(&json!({ "purpose": "avatar", "content_length": length }))
        .send(&world.origin)
        .await
}

async fn with(quota: Quota) -> World {
    World::with(|config| config.limits.quota = quota).await
}

#[tokio::test]
async fn tickets_say_what_is_left() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let given = ask(&world, &ada, 1_000).await;
    let policy = given.header("ratelimit-policy").to_owned();
    assert!(policy.contains(r#""open-tickets";q=20"#), "{policy}");
    assert!(policy.contains(r#""pictures-a-day";q=200"#), "{policy}");
    assert!(policy.contains(r#""bytes-a-day";q=524288000"#), "{policy}");
    assert_eq!(
        given.header("ratelimit"),
        r#""open-tickets";r=19, "pictures-a-day";r=199, "bytes-a-day";r=524287000"#
    );
    given.expect(201);
}

#[tokio::test]
async fn the_21st_open_ticket_waits_for_the_first_to_run_out() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    world.ticket(&ada, "avatar", 100).await;
    world.clock.advance(Duration::from_mins(5));
    for _ in 0..19 {
        world.ticket(&ada, "avatar", 100).await;
    }
    let refused = ask(&world, &ada, 9).await;
    // Ten minutes of the URL and a quarter of an hour for the transfer, of which five minutes have passed.
    assert_eq!(refused.header("retry-after"), "1200");
    let left = refused.header("ratelimit").to_owned();
    assert!(left.starts_with(r#""open-tickets";r=0;t=1200, "#), "{left}");
    let problem = refused.problem(429, "too-many-requests");
    assert_eq!(problem["quota"], "open-tickets");
    assert_eq!(problem["limit"], 20);
    assert_eq!(problem["retry_after"], 1_200);
    world.clock.advance(Duration::from_mins(20));
    let ada = world.log_in("ada").await;
    ask(&world, &ada, 9).await.expect(201);
}

#[tokio::test]
async fn pictures_and_bytes_are_those_of_24_hours() {
    let photo = fixture("photo.png");
    let bytes = u64::try_from(photo.len()).unwrap();
    let world = with(Quota {
        open_tickets: 20,
        pictures: 2,
        bytes: bytes * 2 - 1,
    })
    .await;
    let ada = world.sign_up("ada").await;
    let grace = world.sign_up("grace").await;
    world.upload(&ada, "avatar").await;
    world.clock.advance(Duration::from_mins(10));
    let refused = ask(&world, &ada, photo.len()).await;
    assert_eq!(refused.header("retry-after"), "85800");
    let problem = refused.problem(429, "too-many-requests");
    assert_eq!(problem["quota"], "bytes-a-day");
    ask(&world, &ada, photo.len() - 1).await.expect(201);
    let problem = ask(&world, &ada, 1).await.problem(429, "too-many-requests");
    assert_eq!(problem["quota"], "pictures-a-day");
    // Somebody else's quota is their own.
    world.upload(&grace, "avatar").await;
    // The second one has run out, and a day is over.
    world.clock.advance(Duration::from_mins(1_430));
    let ada = world.log_in("ada").await;
    let left = ask(&world, &ada, 1).await;
    assert!(left.header("ratelimit").contains(r#""pictures-a-day";r=1"#));
    left.expect(201);
}

#[tokio::test]
async fn what_is_given_back_counts_no_longer() {
    let world = with(Quota {
        pictures: 1,
        ..Quota::default()
    })
    .await;
    let ada = world.sign_up("ada").await;
    let id = world.ticket(&ada, "avatar", 100).await;
    ask(&world, &ada, 100)
        .await
        .problem(429, "too-many-requests");
    let path = format!("/v1/uploads/{id}");
    let given_back = call("DELETE", &path).token(&ada.access);
    given_back.send(&world.origin).await.expect(204);
    ask(&world, &ada, 100).await.expect(201);
}

#[tokio::test]
async fn two_origins_together_give_no_more_than_the_quota() {
    let world = with(Quota {
        pictures: 5,
        ..Quota::default()
    })
    .await;
    let other = world.another_origin();
    let ada = world.sign_up("ada").await;
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..16 {
        let origin = if number % 2 == 0 {
            &world.origin
        } else {
            &other
        }
        .clone();
        let token = ada.access.clone();
        asked.spawn(async move {
            let request = json!({ "purpose": "avatar", "content_length": 9 });
            let ask = call("POST", "/edge/v1/upload-tickets").token(&token);
            ask.json(&request).send(&origin).await.status.as_u16()
        });
    }
    let answers = asked.join_all().await;
    let count = |status| answers.iter().filter(|got| **got == status).count();
    assert_eq!((count(201), count(429)), (5, 11), "{answers:?}");
}

#[tokio::test]
async fn settings_lower_what_one_request_may_hold() {
    let world = World::with(|config| {
        config.limits.picture_bytes = 100;
        config.limits.post_chars = 5;
        config.limits.json_body = 1_024;
        config.limits.page_size = 2;
        config.limits.access_token_lifetime = Duration::from_mins(1);
    })
    .await;
    let ada = world.sign_up("ada").await;
    let problem = ask(&world, &ada, 101).await.problem(413, "too-large");
    assert_eq!(problem["limit"], 100);
    let post = async |body: &str| {
        call("POST", "/v1/posts")
            .token(&ada.access)
            .json(&json!({ "body": body }))
            .send(&world.origin)
            .await
    };
    post("short").await.expect(201);
    post("longer").await.problem(400, "invalid-request");
    let problem = post(&"x".repeat(2_000)).await.problem(413, "too-large");
    assert_eq!(problem["limit"], 1_024);
    let page = world.get(&ada, "/v1/posts?limit=3").await;
    page.problem(400, "invalid-request");
    // With what clocks may differ.
    world.clock.advance(Duration::from_secs(122));
    world.get(&ada, "/v1/me").await.problem(401, "unauthorized");
}
