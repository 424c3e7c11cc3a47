//! What every [`RequestLimiter`] must do. Time is the adapter's own, and passes.

#![expect(clippy::expect_used, reason = "a suite fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use sluicegate_core::ports::RequestLimiter;
use sluicegate_core::rate::{Rate, Standing};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::promises::promises;

/// An adapter, and another one that counts with it (itself, where nothing is shared).
#[derive(Clone)]
pub struct Limiters {
    /// One.
    pub one: Arc<dyn RequestLimiter>,
    /// The other.
    pub other: Arc<dyn RequestLimiter>,
}

promises!(Limiters:
    a_burst_passes_and_no_more,
    everybody_is_counted_alone,
    a_refusal_changes_nothing,
    of_many_at_once_exactly_so_many_pass,
    who_waits_as_long_as_told_may_go_on,
    what_is_counted_is_counted_together,
);

const HOUR: Duration = Duration::from_hours(1);
const PATIENCE: Duration = Duration::from_secs(30);

async fn admit(limiter: &Arc<dyn RequestLimiter>, key: &str, rate: &Rate) -> Standing {
    limiter.admit(key, rate).await.expect("it is counted")
}

async fn a_burst_passes_and_no_more(limiters: &Limiters) {
    let rate = Rate::new(3, HOUR);
    for left in [2, 1, 0] {
        let standing = admit(&limiters.one, "burst", &rate).await;
        assert_eq!(standing, Standing::admitted(left));
    }
    let refused = admit(&limiters.one, "burst", &rate).await;
    assert!(!refused.admitted && refused.left == 0);
    let wait = refused.retry_after;
    assert!(wait <= HOUR / 3 && wait + PATIENCE > HOUR / 3, "{wait:?}");
}

async fn everybody_is_counted_alone(limiters: &Limiters) {
    let rate = Rate::new(1, HOUR);
    for key in [
        "alone",
        "alone:",
        "Alone",
        "alone:203.0.113.9",
        "2001:db8::/64",
    ] {
        assert!(admit(&limiters.one, key, &rate).await.admitted, "{key}");
        assert!(!admit(&limiters.one, key, &rate).await.admitted, "{key}");
    }
}

async fn a_refusal_changes_nothing(limiters: &Limiters) {
    let rate = Rate::new(2, HOUR);
    for _ in 0..2 {
        assert!(admit(&limiters.one, "refused", &rate).await.admitted);
    }
    let first = admit(&limiters.one, "refused", &rate).await.retry_after;
    for _ in 0..20 {
        let again = admit(&limiters.one, "refused", &rate).await;
        assert!(!again.admitted && again.retry_after <= first, "{again:?}");
    }
}

async fn of_many_at_once_exactly_so_many_pass(limiters: &Limiters) {
    let rate = Rate::new(10, HOUR);
    let mut asking = JoinSet::new();
    for number in 0..60 {
        let limiter = if number % 2 == 0 {
            &limiters.one
        } else {
            &limiters.other
        };
        let limiter = limiter.clone();
        asking.spawn(async move { admit(&limiter, "at once", &rate).await.admitted });
    }
    let passed = asking.join_all().await.into_iter().filter(|passed| *passed);
    assert_eq!(passed.count(), 10);
}

async fn who_waits_as_long_as_told_may_go_on(limiters: &Limiters) {
    let rate = Rate::new(1, Duration::from_millis(400));
    // Whoever is slow is not told to wait.
    let mut keys = (0..20).map(|number| format!("wait {number}"));
    let (key, told, began) = loop {
        let key = keys.next().expect("nobody is told to wait");
        assert!(admit(&limiters.one, &key, &rate).await.admitted);
        let began = Instant::now();
        let standing = admit(&limiters.one, &key, &rate).await;
        if !standing.admitted {
            break (key, standing.retry_after, began);
        }
    };
    loop {
        let standing = admit(&limiters.one, &key, &rate).await;
        if standing.admitted {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{standing:?}");
        sleep(standing.retry_after).await;
    }
    // A clock that tells milliseconds may be one off.
    let waited = began.elapsed() + Duration::from_millis(2);
    assert!(waited >= told, "{waited:?} instead of {told:?}");
}

async fn what_is_counted_is_counted_together(limiters: &Limiters) {
    let rate = Rate::new(2, HOUR);
    assert_eq!(admit(&limiters.one, "together", &rate).await.left, 1);
    assert_eq!(admit(&limiters.other, "together", &rate).await.left, 0);
    assert!(!admit(&limiters.one, "together", &rate).await.admitted);
}
