use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};

use crate::support::{Answer, Person, World, call};

async fn log_in(origin: &Router, handle: &str, password: &str) -> Answer {
    let request = json!({ "handle": handle, "password": password });
    call("POST", "/v1/sessions")
        .json(&request)
        .send(origin)
        .await
}

async fn refresh(origin: &Router, token: &str) -> Answer {
    let request = json!({ "refresh_token": token });
    call("POST", "/v1/sessions/refresh")
        .json(&request)
        .send(origin)
        .await
}

fn without_instance(mut problem: Value) -> Value {
    problem
        .as_object_mut()
        .expect("an object")
        .remove("instance");
    problem
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_get_the_same_answer() {
    let world = World::new().await;
    world.sign_up("ada").await;
    let wrong = log_in(&world.origin, "ada", "wrong horse").await;
    assert!(wrong.header("www-authenticate").starts_with("Bearer"));
    let wrong = wrong.problem(401, "invalid-credentials");
    let unknown = log_in(&world.origin, "nobody", "wrong horse").await;
    let unknown = unknown.problem(401, "invalid-credentials");
    assert_eq!(without_instance(wrong.clone()), without_instance(unknown));
    let impossible = log_in(&world.origin, "no such handle!", "wrong horse").await;
    let impossible = impossible.problem(401, "invalid-credentials");
    assert_eq!(without_instance(wrong), without_instance(impossible));
    log_in(&world.origin, "ADA", "correct horse")
        .await
        .expect(201);
}

#[tokio::test]
async fn refreshing_rotates_the_token_and_reuse_ends_the_session() {
    let world = World::new().await;
    let first = world.sign_up("ada").await;
    let second = refresh(&world.origin, &first.refresh).await.expect(200);
    let second = Person::of(&second);
    assert_eq!(second.id, first.id);
    assert_ne!(second.refresh, first.refresh);
    world.get(&second, "/v1/me").await.expect(200);

    let reused = refresh(&world.origin, &first.refresh).await;
    reused.problem(401, "unauthorized");
    refresh(&world.origin, &second.refresh)
        .await
        .problem(401, "unauthorized");
    world
        .get(&second, "/v1/me")
        .await
        .problem(401, "unauthorized");
}

#[tokio::test]
async fn what_was_never_a_refresh_token_is_refused() {
    let world = World::new().await;
    for token in ["", "x", &"A".repeat(43), &"A".repeat(10_000)] {
        refresh(&world.origin, token)
            .await
            .problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_session_ends_30_days_after_its_last_refresh() {
    let world = World::new().await;
    let mut person = world.sign_up("ada").await;
    for _ in 0..2 {
        world.clock.advance(Duration::from_hours(29 * 24));
        person = Person::of(&refresh(&world.origin, &person.refresh).await.expect(200));
    }
    world.clock.advance(Duration::from_hours(31 * 24));
    refresh(&world.origin, &person.refresh)
        .await
        .problem(401, "unauthorized");
}

#[tokio::test]
async fn logging_out_ends_this_session_at_once_and_no_other() {
    let world = World::new().await;
    let phone = world.sign_up("ada").await;
    let laptop = log_in(&world.origin, "ada", "correct horse")
        .await
        .expect(201);
    let laptop = Person::of(&laptop);
    let log_out = call("DELETE", "/v1/sessions/current").token(&phone.access);
    log_out.send(&world.origin).await.expect(204);
    world
        .get(&phone, "/v1/me")
        .await
        .problem(401, "unauthorized");
    refresh(&world.origin, &phone.refresh)
        .await
        .problem(401, "unauthorized");
    world.get(&laptop, "/v1/me").await.expect(200);
}
