//! Jobs that cost next to nothing, written as the API writes them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use sluicegate_contract::ids::{AccountId, JobId, PostId};
use sluicegate_core::env::Env;
use sluicegate_core::job::{NewJob, ProcessPost};
use sluicegate_core::ports::JobQueue;
use sluicegate_local::system_env;
use sluicegate_postgres::{Database, Options};

use crate::load::{Run, run};

/// Who writes at once.
pub(super) const WRITERS: u32 = 16;

/// Whose jobs they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owners {
    /// Each of an owner of its own, so that nobody's share is used up.
    Many,
    /// All of one, who has the share of one.
    One,
}

/// Writes rows.
pub(super) struct Writer {
    database: Database,
    queue: Arc<dyn JobQueue>,
    env: Env,
}

impl Writer {
    pub(super) async fn connect(url: &str) -> Result<Self> {
        let options = Options {
            max_connections: WRITERS,
            acquire_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(10),
        };
        let database = Database::connect(url, &options).await?;
        Ok(Self {
            queue: database.jobs(),
            database,
            env: system_env(),
        })
    }

    /// Jobs of posts that are gone. Each is one commit, and whoever works on it finds out by one read.
    pub(super) async fn write(&self, total: usize, owners: Owners) -> Result<Run> {
        let (queue, env) = (self.queue.clone(), self.env.clone());
        let one = AccountId(env.new_id());
        run(total, usize::try_from(WRITERS)?, move |_| {
            let (queue, env) = (queue.clone(), env.clone());
            async move {
                let payload = ProcessPost {
                    post_id: PostId(env.new_id()),
                    user_id: match owners {
                        Owners::Many => AccountId(env.new_id()),
                        Owners::One => one,
                    },
                };
                let job = NewJob::process_post(JobId(env.new_id()), &payload, None, env.now());
                queue.add(&job).await?;
                Ok(0)
            }
        })
        .await
    }

    pub(super) async fn close(self) {
        self.database.close().await;
    }
}
