use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jwt_simple::prelude::{Claims, Ed25519KeyPair, EdDSAKeyPairLike};
use serde_json::json;
use sluicegate_api::router;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::SigningKeyStore;
use sluicegate_core::session::SigningKey;

use crate::support::{Person, World, call};

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

/// Keys to which an operator adds.
#[derive(Default)]
struct Keys {
    newest_first: Mutex<Vec<SigningKey>>,
    looks: AtomicUsize,
}

#[async_trait]
impl SigningKeyStore for Keys {
    async fn keys(&self) -> Result<Vec<SigningKey>, PortError> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        Ok(self.newest_first.lock().unwrap().clone())
    }

    async fn add_first(&self, key: &SigningKey) -> Result<(), PortError> {
        let mut keys = self.newest_first.lock().unwrap();
        if keys.is_empty() {
            keys.push(key.clone());
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_new_key_is_known_soon_and_the_old_one_still_verifies() {
    let world = World::new().await;
    let keys = Arc::new(Keys::default());
    let mut state = world.state.clone();
    state.signing_keys = keys.clone();
    let (here, there) = (router(state.clone()), router(state.clone()));
    let request = json!({ "handle": "ada", "password": "correct horse" });
    let sign_up = call("POST", "/v1/accounts")
        .json(&request)
        .send(&here)
        .await;
    let old = Person::of(&sign_up.expect(201));

    let secret = Ed25519KeyPair::generate().to_bytes();
    let new = SigningKey {
        id: "new".to_owned(),
        secret,
        created_at: state.env.now(),
    };
    keys.newest_first.lock().unwrap().insert(0, new);
    world.clock.advance(Duration::from_secs(6));
    let log_in = call("POST", "/v1/sessions")
        .json(&request)
        .send(&there)
        .await;
    let new = Person::of(&log_in.expect(201));
    for token in [&new.access, &old.access] {
        call("GET", "/v1/me")
            .token(token)
            .send(&here)
            .await
            .expect(200);
        call("GET", "/v1/me")
            .token(token)
            .send(&there)
            .await
            .expect(200);
    }

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
