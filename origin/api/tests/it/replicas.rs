use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{Claims, Ed25519KeyPair, EdDSAKeyPairLike};
use serde_json::json;
use sluicegate_api::{new_signing_key, router};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::SigningKeyStore;
use sluicegate_core::session::SigningKey;
use sluicegate_core::signing::{KEPT_AFTER, PUBLISHED_AHEAD};

use crate::support::{Person, World, call, fixture};

#[tokio::test]
async fn two_origins_on_one_database_are_interchangeable() {
    let world = World::new().await;
    let other = world.another_origin();
    // Both make their first key at once, and end with the same one.
    let jwks = || call("GET", "/.well-known/jwks.json");
    let (here, there) = tokio::join!(jwks().send(&world.origin), jwks().send(&other));
    let (here, there) = (here.expect(200), there.expect(200));
    assert_eq!(here, there);
    assert_eq!(here["keys"].as_array().unwrap().len(), 1);

    let ada = world.sign_up("ada").await;
    call("GET", "/v1/me")
        .token(&ada.access)
        .send(&other)
        .await
        .expect(200);
    let request = json!({ "refresh_token": ada.refresh });
    let refresh = call("POST", "/v1/sessions/refresh").json(&request);
    let ada = Person::of(&refresh.send(&other).await.expect(200));
    world.get(&ada, "/v1/me").await.expect(200);
    let log_out = call("DELETE", "/v1/sessions/current").token(&ada.access);
    log_out.send(&other).await.expect(204);
    world.get(&ada, "/v1/me").await.problem(401, "unauthorized");
}

#[tokio::test]
async fn attempts_are_counted_for_all_origins_together() {
    let world = World::new().await;
    let other = world.another_origin();
    let attempt = json!({ "handle": "nobody", "password": "wrong horse" });
    for origin in [&world.origin, &other].into_iter().cycle().take(10) {
        let answer = call("POST", "/v1/sessions")
            .json(&attempt)
            .send(origin)
            .await;
        answer.problem(401, "invalid-credentials");
    }
    let answer = call("POST", "/v1/sessions")
        .json(&attempt)
        .send(&other)
        .await;
    answer.problem(429, "too-many-requests");
}

#[tokio::test]
async fn a_status_that_waits_here_sees_what_happens_there() {
    let world = World::new().await;
    let other = world.another_origin();
    let ada = world.sign_up("ada").await;
    let id = world.upload(&ada, "avatar").await;
    let path = format!("/v1/uploads/{id}?wait=20&revision=2");
    let wait = call("GET", &path).token(&ada.access).send(&world.origin);
    let media = format!("/edge/v1/media/{id}");
    let (status, grant) = tokio::join!(wait, call("GET", &media).send(&other));
    grant.expect(200);
    let status = status.expect(200);
    assert!(status["revision"].as_u64().unwrap() > 2);
}

#[tokio::test]
async fn a_ticket_of_one_origin_is_completed_at_another() {
    let world = World::new().await;
    let other = world.another_origin();
    let ada = world.sign_up("ada").await;
    let id = world.staged(&ada, "avatar", &fixture("photo.png")).await;
    let path = format!("/v1/uploads/{id}");
    let complete = format!("{path}/complete");
    let complete = call("POST", &complete).token(&ada.access);
    complete.send(&other).await.expect(201);
    let here = world.get(&ada, &path).await.expect(200);
    let there = call("GET", &path).token(&ada.access).send(&other).await;
    assert_eq!(here, there.expect(200));
    assert_eq!(here["status"], "received");
}

/// Counts how often the keys are looked at.
struct Counting {
    keys: Arc<dyn SigningKeyStore>,
    looks: AtomicUsize,
}

#[async_trait]
impl SigningKeyStore for Counting {
    async fn keys(&self) -> Result<Vec<SigningKey>, PortError> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.keys.keys().await
    }

    async fn add_first(&self, key: &SigningKey) -> Result<(), PortError> {
        self.keys.add_first(key).await
    }

    async fn add(&self, key: &SigningKey, now: Timestamp) -> Result<bool, PortError> {
        self.keys.add(key, now).await
    }

    async fn delete(&self, ids: &[String]) -> Result<(), PortError> {
        self.keys.delete(ids).await
    }
}

async fn published(origin: &Router) -> Vec<String> {
    let jwks = call("GET", "/.well-known/jwks.json").send(origin).await;
    let jwks = jwks.expect(200);
    let keys = jwks["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

fn signer(person: &Person) -> String {
    let head = person.access.split('.').next().unwrap();
    let head: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap();
    head["kid"].as_str().unwrap().to_owned()
}

async fn refreshed(person: &Person, origin: &Router) -> Person {
    let request = json!({ "refresh_token": person.refresh });
    let refresh = call("POST", "/v1/sessions/refresh").json(&request);
    Person::of(&refresh.send(origin).await.expect(200))
}

/// Two origins, a session, and a rotation, as `sluicegate-origin keys rotate` does it.
#[tokio::test]
async fn a_rotation_ends_nobodys_session() {
    let world = World::new().await;
    let (here, there) = (world.origin.clone(), world.another_origin());
    let keys = world.database.signing_keys();
    let ada = world.sign_up("ada").await;
    let old = signer(&ada);
    published(&there).await;

    let now = world.state.env.now();
    let next = new_signing_key(&world.state.env, now.plus(PUBLISHED_AHEAD)).unwrap();
    assert!(keys.add(&next, now).await.unwrap());
    world.clock.advance(Duration::from_secs(6));
    for origin in [&here, &there] {
        let expected = [next.id.clone(), old.clone()];
        assert_eq!(published(origin).await, expected, "at once");
    }
    let still = refreshed(&ada, &there).await;
    assert_eq!(signer(&still), old, "edges may not have the new one yet");

    // The last token of the old key, a moment before the new one signs.
    world
        .clock
        .advance(PUBLISHED_AHEAD.saturating_sub(Duration::from_secs(7)));
    let last = refreshed(&still, &here).await;
    assert_eq!(signer(&last), old);
    world.clock.advance(Duration::from_secs(2));
    let first = world.log_in("ada").await;
    assert_eq!(signer(&first), next.id);
    for person in [&last, &first] {
        for origin in [&here, &there] {
            let me = call("GET", "/v1/me").token(&person.access);
            me.send(origin).await.expect(200);
        }
    }

    // Until the last token of the old key is over it is published; then it is gone, and sessions go on.
    world.clock.advance(Duration::from_mins(14));
    let me = call("GET", "/v1/me").token(&last.access);
    me.send(&there).await.expect(200);
    assert!(published(&there).await.contains(&old));
    world.clock.advance(KEPT_AFTER);
    assert_eq!(published(&there).await, std::slice::from_ref(&next.id));
    assert_eq!(
        keys.keys().await.unwrap().len(),
        1,
        "the old one is deleted"
    );
    let later = refreshed(&last, &here).await;
    let me = call("GET", "/v1/me").token(&later.access);
    me.send(&there).await.expect(200);
}

#[tokio::test]
async fn unknown_keys_cause_few_look_ups() {
    let world = World::new().await;
    let keys = Arc::new(Counting {
        keys: world.database.signing_keys(),
        looks: AtomicUsize::new(0),
    });
    let mut state = world.state.clone();
    state.signing_keys = keys.clone();
    let here = router(state);
    published(&here).await;
    world.clock.advance(Duration::from_secs(6));
    let stranger = Ed25519KeyPair::generate().with_key_id("unknown");
    let looks = keys.looks.load(Ordering::SeqCst);
    for _ in 0..10 {
        let claims = Claims::create(jwt_simple::prelude::Duration::from_secs(60));
        let unknown = stranger.sign(claims).unwrap();
        call("GET", "/v1/me")
            .token(&unknown)
            .send(&here)
            .await
            .problem(401, "unauthorized");
    }
    assert!(
        keys.looks.load(Ordering::SeqCst) <= looks + 1,
        "tokens cannot cause many look-ups"
    );
}
