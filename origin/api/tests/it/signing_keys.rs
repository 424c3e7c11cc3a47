//! Requests with tokens while keys cannot be looked up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use sluicegate_api::router;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::SigningKeyStore;
use sluicegate_core::session::SigningKey;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::support::{World, call};

const LIMIT: Duration = Duration::from_secs(30);
/// As long as keys are good without another look.
const KEPT: Duration = Duration::from_mins(5);
/// As soon as a look that failed is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Keys that cannot be looked up while it is down: each look hangs until it is let go, and then fails.
struct Hangs {
    inner: Arc<dyn SigningKeyStore>,
    is_down: AtomicBool,
    asked: AtomicUsize,
    let_go: Semaphore,
}

#[async_trait]
impl SigningKeyStore for Hangs {
    async fn keys(&self) -> Result<Vec<SigningKey>, PortError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.is_down.load(Ordering::SeqCst) {
            self.let_go.acquire().await.unwrap().forget();
            return Err(PortError::unavailable("database", "no answer"));
        }
        self.inner.keys().await
    }

    async fn add_first(&self, key: &SigningKey) -> Result<(), PortError> {
        self.inner.add_first(key).await
    }

    async fn add(&self, key: &SigningKey, now: Timestamp) -> Result<bool, PortError> {
        self.inner.add(key, now).await
    }

    async fn delete(&self, ids: &[String]) -> Result<(), PortError> {
        self.inner.delete(ids).await
    }
}

async fn is_let_in(origin: &Router, token: &str) {
    let me = call("GET", "/v1/me").token(token).send(origin);
    let me = timeout(LIMIT, me).await.expect("nobody waits for the keys");
    me.expect(200);
}

#[tokio::test]
async fn who_comes_while_keys_cannot_be_looked_up_does_not_wait_in_line() {
    let mut world = World::new().await;
    let keys = Arc::new(Hangs {
        inner: world.state.signing_keys.clone(),
        is_down: AtomicBool::new(false),
        asked: AtomicUsize::new(0),
        let_go: Semaphore::new(0),
    });
    world.state.signing_keys = keys.clone();
    let origin = router(world.state.clone());
    world.origin = origin.clone();
    let ada = world.sign_up("ada").await;
    let asked = || keys.asked.swap(0, Ordering::SeqCst);
    asked();

    keys.is_down.store(true, Ordering::SeqCst);
    world.clock.advance(KEPT + Duration::from_secs(1));
    let first = tokio::spawn({
        let (origin, token) = (origin.clone(), ada.access.clone());
        async move { is_let_in(&origin, &token).await }
    });
    let looks = async {
        while keys.asked.load(Ordering::SeqCst) == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, looks).await.expect("the first looks");
    for _ in 0..3 {
        is_let_in(&origin, &ada.access).await;
    }
    keys.let_go.add_permits(1);
    first.await.unwrap();
    // Who comes after it does not try again at once.
    is_let_in(&origin, &ada.access).await;
    assert_eq!(asked(), 1);

    world.clock.advance(AGAIN);
    keys.let_go.add_permits(1);
    is_let_in(&origin, &ada.access).await;
    assert_eq!(asked(), 1);

    keys.is_down.store(false, Ordering::SeqCst);
    world.clock.advance(AGAIN);
    for _ in 0..2 {
        is_let_in(&origin, &ada.access).await;
    }
    assert_eq!(asked(), 1, "what was found is good again");
}
