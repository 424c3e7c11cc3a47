//! The leases that a queue's attempts hold, and the heart that keeps them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sluicegate_core::job::Lease;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

use super::Shared;

/// Which leases are held, and until when at least.
#[derive(Default)]
pub(super) struct Leases {
    held: Mutex<HashMap<Lease, Held>>,
}

struct Held {
    until: Instant,
    lost: CancellationToken,
}

impl Leases {
    /// Notes a lease; the token tells when it is lost.
    pub(super) fn hold(&self, lease: Lease, until: Instant) -> CancellationToken {
        let lost = CancellationToken::new();
        self.held().insert(
            lease,
            Held {
                until,
                lost: lost.clone(),
            },
        );
        lost
    }

    /// Forgets a lease.
    pub(super) fn forget(&self, lease: Lease) {
        self.held().remove(&lease);
    }

    fn all(&self) -> Vec<Lease> {
        self.held().keys().copied().collect()
    }

    fn kept(&self, leases: &[Lease], lost: &[Lease], until: Instant) {
        let mut held = self.held();
        for lease in leases {
            if lost.contains(lease) {
                if let Some(held) = held.remove(lease) {
                    held.lost.cancel();
                }
            } else if let Some(held) = held.get_mut(lease) {
                held.until = until;
            }
        }
    }

    /// Nobody may work on a lease that has run out: somebody else may have the job.
    fn lose_ended(&self, now: Instant) {
        self.held().retain(|_, held| {
            let holds = held.until > now;
            if !holds {
                held.lost.cancel();
            }
            holds
        });
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Lease, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Beats for ever; three times within a lease.
pub(super) async fn beat(shared: &Shared, leases: &Leases) {
    let length = shared.settings.lease;
    loop {
        time::sleep(length / 3).await;
        let all = leases.all();
        if !all.is_empty() {
            let begun = Instant::now();
            let call = shared.queue.heartbeat(&all, length, shared.env.now());
            match time::timeout(length / 3, call).await {
                Ok(Ok(lost)) => leases.kept(&all, &lost, begun + length),
                Ok(Err(error)) => tracing::warn!(%error, "a heartbeat failed"),
                Err(_) => tracing::warn!("a heartbeat took too long"),
            }
        }
        leases.lose_ended(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sluicegate_contract::ids::JobId;

    use super::*;

    fn lease(attempt: u32) -> Lease {
        let job: JobId = "01890a5d-ac96-774b-bcce-b302099a8057"
            .parse()
            .expect("an id");
        Lease { job, attempt }
    }

    #[test]
    fn the_lost_and_the_ended_are_told_and_the_kept_go_on() {
        let leases = Leases::default();
        let now = Instant::now();
        let later = now + Duration::from_secs(10);
        let [kept, lost, new] = [1, 2, 3].map(|n| leases.hold(lease(n), now));
        leases.kept(&[lease(1), lease(2)], &[lease(2)], later);
        leases.hold(lease(4), later);
        leases.lose_ended(now + Duration::from_secs(1));
        assert!(!kept.is_cancelled());
        assert!(lost.is_cancelled());
        assert!(new.is_cancelled(), "it was not kept, and ended");
        leases.forget(lease(4));
        assert_eq!(leases.all(), [lease(1)]);
    }
}
