//! An account under attack, and its owner.

use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_api::{AttemptLimits, EdgeKey};

use crate::support::{Answer, Person, World, call};

const KEY: &str = "the edge key";

async fn world() -> World {
    World::with(|config| {
        config.edge_key = Some(EdgeKey::new(KEY));
        config.attempts = AttemptLimits {
            log_ins_by_client: 3,
            log_ins_by_handle: 5,
            log_ins_by_address: 100,
            ..AttemptLimits::default()
        };
    })
    .await
}

async fn sign_up(world: &World, handle: &str) -> Value {
    let request = json!({ "handle": handle, "password": "correct horse" });
    let sign_up = call("POST", "/v1/accounts").json(&request);
    sign_up.send(&world.origin).await.expect(201)
}

async fn log_in(world: &World, address: &str, password: &str, device: Option<&str>) -> Answer {
    let mut request = json!({ "handle": "ada", "password": password });
    if let Some(device) = device {
        request["device_token"] = device.into();
    }
    call("POST", "/v1/sessions")
        .header("sluicegate-edge-key", KEY)
        .header("sluicegate-client-address", address)
        .json(&request)
        .send(&world.origin)
        .await
}

/// More guesses from many addresses than the handle may have.
async fn attack(world: &World) {
    for number in 0..5 {
        let address = format!("203.0.113.{number}");
        let guess = log_in(world, &address, "wrong horse", None).await;
        assert!([401, 429].contains(&guess.status.as_u16()), "{guess:?}");
    }
    let stranger = log_in(world, "203.0.113.99", "correct horse", None).await;
    stranger.problem(429, "too-many-requests");
}

fn token(session: &Value) -> &str {
    session["device_token"].as_str().expect("a device token")
}

#[tokio::test]
async fn many_addresses_cannot_keep_the_owner_out() {
    let world = world().await;
    let first = sign_up(&world, "ada").await;
    let device = token(&first).to_owned();
    attack(&world).await;
    // On her device, wherever it is now, she logs in; and keeps the device's name.
    for address in ["192.0.2.1", "203.0.113.99"] {
        let again = log_in(&world, address, "correct horse", Some(&device)).await;
        assert_eq!(token(&again.expect(201)), device);
    }
    // What she has open goes on.
    let ada = Person::of(&first);
    world.get(&ada, "/v1/me").await.expect(200);
    let request = json!({ "refresh_token": ada.refresh });
    let refresh = call("POST", "/v1/sessions/refresh").json(&request);
    let refreshed = refresh.send(&world.origin).await.expect(200);
    assert_eq!(
        refreshed.get("device_token"),
        None,
        "only log-ins name a device"
    );
}

#[tokio::test]
async fn a_device_is_known_after_its_session_has_ended() {
    let world = world().await;
    sign_up(&world, "ada").await;
    let session = log_in(&world, "192.0.2.1", "correct horse", None).await;
    let session = session.expect(201);
    let log_out = call("DELETE", "/v1/sessions/current").token(&Person::of(&session).access);
    log_out.send(&world.origin).await.expect(204);
    attack(&world).await;
    let again = log_in(&world, "192.0.2.1", "correct horse", Some(token(&session))).await;
    again.expect(201);
}

#[tokio::test]
async fn a_stolen_device_token_buys_few_guesses() {
    let world = world().await;
    let first = sign_up(&world, "ada").await;
    for _ in 0..3 {
        let guess = log_in(&world, "203.0.113.1", "wrong horse", Some(token(&first))).await;
        guess.problem(401, "invalid-credentials");
    }
    let guess = log_in(&world, "203.0.113.2", "correct horse", Some(token(&first))).await;
    guess.problem(429, "too-many-requests");
    world.clock.advance(Duration::from_secs(901));
    let owner = log_in(&world, "192.0.2.1", "correct horse", Some(token(&first))).await;
    owner.expect(201);
}

#[tokio::test]
async fn somebody_elses_device_is_a_stranger() {
    let world = world().await;
    sign_up(&world, "ada").await;
    let mallory = sign_up(&world, "mallory").await;
    attack(&world).await;
    for device in [
        token(&mallory),
        "",
        "nonsense",
        &"A".repeat(43),
        &"A".repeat(9_000),
    ] {
        let guess = log_in(&world, "203.0.113.200", "correct horse", Some(device)).await;
        guess.problem(429, "too-many-requests");
    }
}

#[tokio::test]
async fn a_new_device_is_given_a_new_name() {
    let world = world().await;
    let first = sign_up(&world, "ada").await;
    let second = log_in(&world, "192.0.2.1", "correct horse", Some("forgotten")).await;
    let second = second.expect(201);
    assert_ne!(token(&second), token(&first));
    let third = log_in(&world, "192.0.2.1", "correct horse", Some(token(&second))).await;
    assert_eq!(token(&third.expect(201)), token(&second));
}
