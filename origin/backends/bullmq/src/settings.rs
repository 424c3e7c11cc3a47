use std::time::Duration;

use sluicegate_core::fair::{Ahead, Rates};

/// How the queues on Redis are used.
#[derive(Debug, Clone)]
pub struct BullSettings {
    /// Who this is: what one owner has of its places is counted by it, so no two may have the same.
    pub worker: String,
    /// How long a lease of a row holds; must be what the hands keep it for.
    pub lease: Duration,
    /// How long Redis leaves a job to a worker that does not renew its lock. Short locks are lost under load.
    pub lock: Duration,
    /// How often Redis is asked for jobs of lost workers.
    pub stalled_interval: Duration,
    /// A job whose workers were lost more often is given up. One would give up at the second crash.
    pub max_stalled_count: u32,
    /// The pause after Redis could not be used. BullMQ waits for 15 s by default.
    pub retry_pause: Duration,
    /// How long a call of Redis may take.
    pub call_timeout: Duration,
    /// So many rows are handed over at once.
    pub batch: u32,
    /// So many jobs of a queue are in Redis and due, or in work; the rest waits in the table, where turns are chosen.
    pub window: u32,
    /// So many jobs of one owner wait in Redis and are due.
    pub ahead: Ahead,
    /// How many jobs of a queue may begin in a time.
    pub rates: Rates,
    /// A job of an owner who has all that one may have here is delivered again after so long, longer each time, up to eight times
    /// that: other workers may have places for it. This one has it delivered as soon as one of that owner has ended.
    pub share_pause: Duration,
    /// The pause before an empty queue is looked at again; it doubles up to `poll_max`. Hints shorten it.
    pub poll_min: Duration,
    /// See `poll_min`.
    pub poll_max: Duration,
    /// Rows that were handed over are compared with Redis that often.
    pub check_after: Duration,
    /// How long jobs may go on after the shutdown has begun; then they are given back.
    pub drain: Duration,
}

impl BullSettings {
    /// Leases of 10 s, locks of 30 s, looks for lost workers every 15 s up to three times a job, batches of 200, a window of
    /// 1,000, 2 to 16 of one owner, 100 ms for those beyond their share, no rates, polls after 250 ms to 1 s, rows compared every 30 s, 20 s to drain.
    pub fn new(worker: impl Into<String>) -> Self {
        Self {
            worker: worker.into(),
            lease: Duration::from_secs(10),
            lock: Duration::from_secs(30),
            stalled_interval: Duration::from_secs(15),
            max_stalled_count: 3,
            retry_pause: Duration::from_secs(1),
            call_timeout: Duration::from_secs(5),
            batch: 200,
            window: 1_000,
            ahead: Ahead { least: 2, most: 16 },
            rates: Rates::default(),
            share_pause: Duration::from_millis(100),
            poll_min: Duration::from_millis(250),
            poll_max: Duration::from_secs(1),
            check_after: Duration::from_secs(30),
            drain: Duration::from_secs(20),
        }
    }
}
