use std::time::Duration;

use axum::Router;
use serde_json::json;
use sluicegate_api::{AttemptLimits, EdgeKey};

use crate::support::{Answer, World, call};

const KEY: &str = "the edge key";

/// Behind an edge that is known by its key.
async fn keyed(attempts: AttemptLimits) -> World {
    World::with(|config| {
        config.edge_key = Some(EdgeKey::new(KEY));
        config.attempts = attempts;
    })
    .await
}

async fn log_in(origin: &Router, handle: &str, password: &str) -> Answer {
    log_in_from(origin, "192.0.2.1", handle, password).await
}

/// As an edge hands it on.
async fn log_in_from(origin: &Router, address: &str, handle: &str, password: &str) -> Answer {
    let request = json!({ "handle": handle, "password": password });
    call("POST", "/v1/sessions")
        .header("sluicegate-edge-key", KEY)
        .header("sluicegate-client-address", address)
        .json(&request)
        .send(origin)
        .await
}

#[tokio::test]
async fn the_eleventh_attempt_is_refused_even_with_the_right_password() {
    let world = World::new().await;
    world.sign_up("ada").await;
    for _ in 0..10 {
        log_in(&world.origin, "ada", "wrong horse")
            .await
            .problem(401, "invalid-credentials");
    }
    let refused = log_in(&world.origin, "ada", "correct horse").await;
    assert_eq!(refused.header("retry-after"), "900");
    refused.problem(429, "too-many-requests");
    world.clock.advance(Duration::from_secs(901));
    log_in(&world.origin, "ada", "correct horse")
        .await
        .expect(201);
}

#[tokio::test]
async fn a_right_log_in_sets_the_count_back() {
    let world = World::with(|config| {
        config.attempts = AttemptLimits {
            log_ins_by_client: 2,
            ..AttemptLimits::default()
        };
    })
    .await;
    world.sign_up("ada").await;
    for _ in 0..3 {
        log_in(&world.origin, "ada", "wrong horse")
            .await
            .problem(401, "invalid-credentials");
        log_in(&world.origin, "ada", "correct horse")
            .await
            .expect(201);
    }
}

#[tokio::test]
async fn refused_attempts_make_nobody_wait_longer() {
    let world = World::new().await;
    world.sign_up("ada").await;
    for _ in 0..10 {
        let wrong = log_in(&world.origin, "ada", "wrong horse").await;
        wrong.problem(401, "invalid-credentials");
    }
    world.clock.advance(Duration::from_secs(800));
    for _ in 0..11 {
        let refused = log_in(&world.origin, "ada", "wrong horse").await;
        assert_eq!(refused.header("retry-after"), "100");
        refused.problem(429, "too-many-requests");
    }
    world.clock.advance(Duration::from_secs(101));
    let right = log_in(&world.origin, "ada", "correct horse").await;
    right.expect(201);
}

#[tokio::test]
async fn guessing_from_one_address_keeps_nobody_out_elsewhere() {
    let world = keyed(AttemptLimits {
        log_ins_by_client: 2,
        log_ins_by_handle: 3,
        log_ins_by_address: 3,
        ..AttemptLimits::default()
    })
    .await;
    world.sign_up("ada").await;
    let origin = &world.origin;
    for _ in 0..2 {
        let wrong = log_in_from(origin, "192.0.2.1", "ada", "wrong horse").await;
        wrong.problem(401, "invalid-credentials");
    }
    for _ in 0..5 {
        let refused = log_in_from(origin, "192.0.2.1", "ada", "correct horse").await;
        refused.problem(429, "too-many-requests");
    }
    // What was refused was counted neither for the handle nor for the address.
    let owner = log_in_from(origin, "192.0.2.2", "ada", "correct horse").await;
    owner.expect(201);
    let neighbour = log_in_from(origin, "192.0.2.1", "grace", "wrong horse").await;
    neighbour.problem(401, "invalid-credentials");
}

#[tokio::test]
async fn guessing_from_many_addresses_is_counted_by_handle() {
    let world = keyed(AttemptLimits {
        log_ins_by_handle: 3,
        ..AttemptLimits::default()
    })
    .await;
    for number in 0..3 {
        let address = format!("192.0.2.{number}");
        let wrong = log_in_from(&world.origin, &address, "ada", "wrong horse").await;
        wrong.problem(401, "invalid-credentials");
    }
    let refused = log_in_from(&world.origin, "192.0.2.9", "ada", "wrong horse").await;
    refused.problem(429, "too-many-requests");
}

#[tokio::test]
async fn without_an_edge_key_nobody_is_kept_out_for_others_log_ins() {
    let world = World::with(|config| config.attempts.log_ins_by_address = 0).await;
    world.sign_up("ada").await;
    let right = log_in(&world.origin, "ada", "correct horse").await;
    right.expect(201);
}
