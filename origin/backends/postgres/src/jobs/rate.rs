//! How much of a queue's rate is used: one row that all who begin jobs share.

use sluicegate_contract::time::Timestamp;
use sluicegate_core::fair::{PaidUntil, Rate};
use sqlx::PgConnection;

/// The rate of a queue, held by one transaction: others wait until it has ended.
pub(super) struct Budget<'a> {
    queue: &'a str,
    rate: Rate,
    paid: PaidUntil,
}

impl<'a> Budget<'a> {
    pub(super) async fn hold(
        connection: &mut PgConnection,
        queue: &'a str,
        rate: Rate,
        now: Timestamp,
    ) -> sqlx::Result<Self> {
        let paid = if let Some(paid) = lock(connection, queue).await? {
            paid
        } else {
            sqlx::query!(
                "insert into job_queues (queue) values ($1) on conflict do nothing",
                queue
            )
            .execute(&mut *connection)
            .await?;
            let paid = lock(connection, queue).await?;
            paid.ok_or(sqlx::Error::RowNotFound)?
        };
        let mut budget = Self {
            queue,
            rate,
            paid: PaidUntil(paid),
        };
        if let Some(mended) = rate.mended(budget.paid, now) {
            budget.note(connection, mended).await?;
        }
        Ok(budget)
    }

    /// How many jobs may begin now.
    pub(super) fn places(&self, now: Timestamp) -> u32 {
        self.rate.places(self.paid, now)
    }

    /// When the next one may.
    pub(super) fn next(&self, now: Timestamp) -> Timestamp {
        self.rate.next(self.paid, now)
    }

    /// So many began; it counts once the transaction is committed.
    pub(super) async fn spend(
        &mut self,
        connection: &mut PgConnection,
        jobs: usize,
        now: Timestamp,
    ) -> sqlx::Result<()> {
        let jobs = u32::try_from(jobs).unwrap_or(u32::MAX);
        let paid = self.rate.pay(self.paid, jobs, now);
        self.note(connection, paid).await
    }

    async fn note(&mut self, connection: &mut PgConnection, paid: PaidUntil) -> sqlx::Result<()> {
        sqlx::query!(
            "update job_queues set paid_until = $2 where queue = $1",
            self.queue,
            paid.0,
        )
        .execute(connection)
        .await?;
        self.paid = paid;
        Ok(())
    }
}

async fn lock(connection: &mut PgConnection, queue: &str) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!(
        "select paid_until from job_queues where queue = $1 for update",
        queue,
    )
    .fetch_optional(connection)
    .await
}
