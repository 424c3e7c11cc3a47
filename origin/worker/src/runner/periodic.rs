//! Writes the jobs that come again and again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_contract::ids::JobId;
use sluicegate_core::job::MAINTENANCE_QUEUE;
use sluicegate_core::wake::Wake;
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::Shared;

/// How late a slot's job may be, at most.
const LOOK: Duration = Duration::from_secs(5);

/// Each slot's job once, as far as this process knows; the queue sees to it that there is one among all.
pub(super) async fn write(shared: Arc<Shared>, shutdown: CancellationToken) {
    let mut written: HashMap<&'static str, JobId> = HashMap::new();
    loop {
        for periodic in &shared.settings.periodic {
            let job = periodic.job(shared.env.now());
            if written.get(periodic.name) == Some(&job.id) {
                continue;
            }
            match shared.queue.add(&job).await {
                Ok(id) if id == job.id => {
                    written.insert(periodic.name, job.id);
                    shared.waker.wake(Wake::Jobs(MAINTENANCE_QUEUE));
                }
                // The one before it is not over: looked at again.
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(job.name = periodic.name, %error, "cannot write a periodic job");
                }
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = time::sleep(LOOK) => {}
        }
    }
}
