//! What becomes of one job that Redis delivered.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bullmq::{Error, Job};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;
use sluicegate_core::fair::Bounds;
use sluicegate_core::job::{LeasedJob, foreign_id};
use sluicegate_core::ports::{Delivered, Delivery, DeliveryRequest, Ended, Hands, JobRelay};
use tokio::time;

use crate::bull::Bull;
use crate::foreign;
use crate::relay;
use crate::settings::BullSettings;
use crate::share::Share;

/// A job of which nothing is known for sure is delivered once more after so long.
const AGAIN: Duration = Duration::from_secs(5);
/// One that may not begin while the queue is paused, which is not fetched from a moment later.
const PAUSED: Duration = Duration::from_secs(1);
/// One of which it is known by then.
const SOON: Duration = Duration::from_millis(100);
/// So often the pause of a job beyond its owner's share is doubled at most.
const DOUBLED: u32 = 3;
/// BullMQ doubles its own pause with each attempt that it counts, without bound: beyond so many it would overflow.
const COUNTED_MOST: u32 = 20;

/// What all deliveries use.
pub(crate) struct Shared {
    pub(crate) bull: Arc<Bull>,
    pub(crate) rows: Arc<dyn JobRelay>,
    pub(crate) hands: Arc<dyn Hands>,
    pub(crate) env: Env,
    pub(crate) settings: BullSettings,
}

/// Runs a delivery in a task of its own: BullMQ would hold a job whose handler panicked, and renew its lock, for ever.
pub(crate) async fn guarded(
    shared: Arc<Shared>,
    share: Arc<Share<Job>>,
    queue: &'static str,
    job: Arc<Job>,
) -> Result<Value, Error> {
    let (counted, held) = (
        job.attempts_made(),
        share.forget(|held| held.id() == job.id()),
    );
    let delivery = {
        let (shared, job) = (shared.clone(), job.clone());
        tokio::spawn(async move { deliver(&shared, &share, queue, &job, held).await })
    };
    let ended = tokio::select! {
        ended = delivery => ended,
        never = keep_lock(&shared, &job) => match never {},
    };
    match ended {
        Ok(ended) => ended,
        Err(error) => {
            tracing::error!(queue, %error, "a delivery broke");
            let error = error.to_string();
            Err(if counted < COUNTED_MOST {
                Error::ProcessingError(error)
            } else {
                Error::Unrecoverable(error)
            })
        }
    }
}

/// Renews the lock of this delivery. BullMQ does that by the ids of jobs: one that was held, and is delivered again before its last
/// delivery was put away, would lose its lock with that.
async fn keep_lock(shared: &Shared, job: &Job) -> Infallible {
    let lock = shared.settings.lock;
    let lock_ms = u64::try_from(lock.as_millis()).unwrap_or(u64::MAX);
    let token = job.token().unwrap_or_default();
    loop {
        time::sleep(lock / 2).await;
        let kept = shared.bull.within(job.extend_lock(token, lock_ms)).await;
        if let Err(error) = kept {
            tracing::warn!(job.id = job.id(), %error, "could not renew a job's lock");
        }
    }
}

async fn deliver(
    shared: &Arc<Shared>,
    share: &Arc<Share<Job>>,
    queue: &'static str,
    job: &Arc<Job>,
    held: u32,
) -> Result<Value, Error> {
    let ended = share.ended();
    let found = match find(shared, share, queue, job).await {
        Ok(Ok(found)) => found,
        Ok(Err(refusal)) => {
            tracing::warn!(
                queue,
                job.id = job.id(),
                refusal,
                "a job without a row is refused"
            );
            return Err(Error::Unrecoverable(refusal));
        }
        Err(error) => {
            // Nothing happened: it is no attempt.
            tracing::warn!(queue, job.id = job.id(), %error, "a job's row cannot be asked for");
            return later(job, shared.env.now().plus(AGAIN)).await;
        }
    };
    match found {
        Delivered::Leased(leased) => {
            shared.bull.one_begins(queue);
            let running = share.begins(leased.owner);
            let answer = work(shared, job, *leased).await;
            come_now(shared, running.end());
            answer
        }
        Delivered::Done => Ok(json!("its effects were committed before")),
        Delivered::Dead => Err(Error::Unrecoverable("buried before".to_owned())),
        Delivered::Busy(until) => {
            let at = until.max(shared.env.now()).plus(Duration::from_secs(1));
            later(job, at).await
        }
        Delivered::Held(until) => {
            let now = shared.env.now();
            let at = match shared.settings.rates.of(queue) {
                Some(rate) if until > now => {
                    let [random] = shared.env.random::<1>();
                    share.line.next(until, rate.interval(), random)
                }
                _ => now.plus(PAUSED),
            };
            later(job, at).await
        }
        Delivered::AtShare(owner) => {
            let pause = shared.settings.share_pause * (1 << held.min(DOUBLED));
            let answer = later(job, shared.env.now().plus(pause)).await;
            come_now(shared, share.hold(owner, job.clone(), held + 1, ended));
            answer
        }
        Delivered::Changed => later(job, shared.env.now().plus(SOON)).await,
        Delivered::Unknown => later(job, shared.env.now().plus(AGAIN)).await,
    }
}

/// Has jobs delivered that wait in Redis for their owner's others; nobody waits for that. Those that came meanwhile are not there any
/// more, and where it fails they come after their pause.
fn come_now(shared: &Arc<Shared>, jobs: Vec<Arc<Job>>) {
    if jobs.is_empty() {
        return;
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        let come = jobs.iter().map(async |job| {
            if let Err(error) = shared.bull.within(job.promote()).await {
                tracing::debug!(job.id = job.id(), %error, "a job that was held comes later");
            }
        });
        join_all(come).await;
    });
}

/// The row of a job, leased if that can be; one that came without a row gets one. The inner error says why it cannot.
async fn find(
    shared: &Shared,
    share: &Share<Job>,
    queue: &'static str,
    job: &Job,
) -> Result<Result<Delivered, String>, PortError> {
    if let Ok(id) = job.id().parse::<JobId>() {
        let found = lease(shared, share, queue, job, id).await?;
        if found != Delivered::Unknown {
            return Ok(Ok(found));
        }
        // A dashboard still has jobs that an operator discarded. Taken for somebody else's, they would be done after all.
        if relay::is_ours(job) {
            return Ok(Err("its row is gone: it was discarded".to_owned()));
        }
    }
    let id = foreign_id(queue, job.id(), job.timestamp());
    let found = lease(shared, share, queue, job, id).await?;
    if found != Delivered::Unknown {
        return Ok(Ok(found));
    }
    let now = shared.env.now();
    let foreign = match foreign::read(queue, job, now) {
        Ok(foreign) => foreign,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if !shared.rows.adopt(&foreign, now).await? {
        return Ok(Err("its account does not exist".to_owned()));
    }
    lease(shared, share, queue, job, id).await.map(Ok)
}

async fn lease(
    shared: &Shared,
    share: &Share<Job>,
    queue: &str,
    job: &Job,
    id: JobId,
) -> Result<Delivered, PortError> {
    let request = |of_one_owner| DeliveryRequest {
        job: id,
        queue,
        worker: &shared.settings.worker,
        lease: shared.settings.lease,
        // Redis counts no attempt of ours but the last: a job that comes with one was ended there, and an operator has it
        // tried again. One whose worker was lost before Redis knew comes without.
        delivery: if job.attempts_made() > 0 {
            Delivery::Again
        } else {
            Delivery::Attempt
        },
        bounds: Bounds {
            of_one_owner,
            rate: shared.settings.rates.of(queue),
        },
    };
    let together = share.together().await;
    let asked = request(together.bound());
    let found = shared.rows.lease(&asked, shared.env.now()).await?;
    let is_short = matches!(found, Delivered::AtShare(_) | Delivered::Changed);
    if together.is_sure() || !is_short {
        return Ok(found);
    }
    drop(together);
    let alone = share.alone().await;
    let asked = request(alone.bound());
    shared.rows.lease(&asked, shared.env.now()).await
}

async fn work(shared: &Shared, job: &Job, leased: LeasedJob) -> Result<Value, Error> {
    let attempt = leased.lease.attempt;
    match shared.hands.work_on(leased).await {
        Ended::Done => Ok(Value::Null),
        Ended::Again { at, error } => {
            tell(job, &format!("attempt {attempt} failed: {error}")).await;
            later(job, at).await
        }
        Ended::Dead { error } => Err(Error::Unrecoverable(error)),
        Ended::GivenBack => {
            if let Err(error) = job.move_to_wait(None).await {
                tracing::warn!(job.id = job.id(), %error, "could not give a job back to Redis");
            }
            Err(Error::Delayed)
        }
        Ended::Unsettled => later(job, shared.env.now().plus(AGAIN)).await,
    }
}

/// For operators who look at the job in a dashboard.
async fn tell(job: &Job, line: &str) {
    if let Ok(Err(error)) = time::timeout(AGAIN, job.log(line)).await {
        tracing::debug!(job.id = job.id(), %error, "could not write a job's log");
    }
}

/// The job waits in Redis until then. If Redis does not hear it, the job's lock ends, and it is delivered as one
/// whose worker was lost.
async fn later(job: &Job, at: Timestamp) -> Result<Value, Error> {
    let ms = u64::try_from(at.unix_ms()).unwrap_or_default();
    if let Err(error) = job.move_to_delayed(ms).await {
        tracing::warn!(job.id = job.id(), %error, "could not have a job wait in Redis");
    }
    Err(Error::Delayed)
}
