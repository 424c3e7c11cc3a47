//! How much of what there is, for metrics and `doctor`.

use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::UploadState;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::QueueStats;

use crate::columns::unsigned_long;
use crate::database::Database;
use crate::pool::Pool;

/// Nothing is counted beyond this many: "at least" says enough then, and counting stays cheap.
pub const COUNT_LIMIT: i64 = 100_000;

/// How the queues and the unfinished uploads stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Census {
    /// Each queue that was asked for.
    pub queues: Vec<(String, QueueStats)>,
    /// How many uploads are in each state that is not an end.
    pub uploads: [(UploadState, u64); 4],
}

/// The connections of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// Working for somebody, or promised to somebody: being opened, say, or tried.
    pub in_use: u32,
    /// Open, and free.
    pub idle: u32,
    /// At most so many are opened.
    pub most: u32,
}

impl Database {
    /// Counts by index only, each number up to [`COUNT_LIMIT`]: two short queries, whatever the tables hold.
    pub async fn census(&self, queues: &[&str], now: Timestamp) -> Result<Census, PortError> {
        let counted = async {
            Ok(Census {
                queues: queue_stats(&self.pool, queues, now).await?,
                uploads: upload_states(&self.pool).await?,
            })
        };
        self.run(counted).await
    }

    /// What the server's clock says; `doctor` compares.
    pub async fn server_time(&self) -> Result<Timestamp, PortError> {
        let asked = sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#);
        self.run(asked.fetch_one(&self.pool)).await.map(Into::into)
    }

    /// How the pool stands; asks nobody.
    pub fn pool_state(&self) -> PoolState {
        self.pool.state()
    }
}

async fn queue_stats(
    pool: &Pool,
    queues: &[&str],
    now: Timestamp,
) -> sqlx::Result<Vec<(String, QueueStats)>> {
    let queues: Vec<String> = queues.iter().map(|&queue| queue.to_owned()).collect();
    let rows = sqlx::query!(
        r#"select asked.queue as "queue!",
            (select count(*) from (select from jobs
                where queue = asked.queue and state = 'ready' limit $3) as found)
                + (select count(*) from (select from jobs
                    where queue = asked.queue and state = 'relayed' limit $3) as found) as "ready!",
            (select count(*) from (select from jobs
                where queue = asked.queue and state = 'running' limit $3) as found) as "running!",
            (select count(*) from (select from jobs
                where queue = asked.queue and state = 'dead' limit $3) as found) as "dead!",
            least(
                (select min(run_at) from jobs
                    where queue = asked.queue and state = 'ready' and run_at <= $2),
                (select min(run_at) from jobs
                    where queue = asked.queue and state = 'relayed' and run_at <= $2),
                (select min(lease_until) from jobs
                    where queue = asked.queue and state = 'running' and lease_until <= $2)
            ) as oldest_ready,
            (select paused_at from job_queues where queue = asked.queue) as paused_at
        from unnest($1::text[]) as asked (queue)"#,
        &queues,
        now.into_inner(),
        COUNT_LIMIT,
    )
    .fetch_all(pool)
    .await?;
    let stats = rows.into_iter().map(|row| {
        let stats = QueueStats {
            ready: unsigned_long(row.ready)?,
            running: unsigned_long(row.running)?,
            dead: unsigned_long(row.dead)?,
            oldest_ready: row.oldest_ready.map(Into::into),
            paused_since: row.paused_at.map(Into::into),
        };
        Ok((row.queue, stats))
    });
    stats.collect()
}

async fn upload_states(pool: &Pool) -> sqlx::Result<[(UploadState, u64); 4]> {
    let row = sqlx::query!(
        r#"select
            (select count(*) from (select from uploads
                where state = 'ticketed' limit $1) as found) as "ticketed!",
            (select count(*) from (select from uploads
                where state = 'received' limit $1) as found) as "received!",
            (select count(*) from (select from uploads
                where state = 'processing' limit $1) as found) as "processing!",
            (select count(*) from (select from uploads
                where state = 'failed' limit $1) as found) as "failed!""#,
        COUNT_LIMIT,
    )
    .fetch_one(pool)
    .await?;
    Ok([
        (UploadState::Ticketed, unsigned_long(row.ticketed)?),
        (UploadState::Received, unsigned_long(row.received)?),
        (UploadState::Processing, unsigned_long(row.processing)?),
        (UploadState::Failed, unsigned_long(row.failed)?),
    ])
}
