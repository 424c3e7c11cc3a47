use async_trait::async_trait;
use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{HandOver, ReadyJob, TakeRequest};
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use crate::columns::unsigned;
use crate::database::Database;

/// The rows are locked by a transaction of their own until they are handed over: a relay that dies gives them back
/// with its connection, and no row says that it was handed over before it was.
struct Taken {
    database: Database,
    transaction: Transaction<'static, Postgres>,
    jobs: Vec<ReadyJob>,
}

#[async_trait]
impl HandOver for Taken {
    fn jobs(&self) -> &[ReadyJob] {
        &self.jobs
    }

    async fn confirm(self: Box<Self>, now: Timestamp) -> Result<(), PortError> {
        let Self {
            database,
            mut transaction,
            jobs,
        } = *self;
        let ids: Vec<Uuid> = jobs.iter().map(|job| job.id.0).collect();
        let confirmed = async {
            sqlx::query!(
                "update jobs set state = 'relayed', relayed_at = $2, checked_at = $2,
                    relayed_as = null
                where id = any($1) and state = 'ready'",
                &ids,
                now.into_inner(),
            )
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await
        };
        database.run(confirmed).await
    }
}

pub(super) async fn take(
    database: &Database,
    request: &TakeRequest<'_>,
    now: Timestamp,
) -> Result<Option<Box<dyn HandOver>>, PortError> {
    let taken = async {
        let mut transaction = database.pool.begin().await?;
        let jobs = lock(&mut transaction, request, now).await?;
        Ok((transaction, jobs))
    };
    let (transaction, jobs) = database.run(taken).await?;
    if jobs.is_empty() {
        return Ok(None);
    }
    Ok(Some(Box::new(Taken {
        database: database.clone(),
        transaction,
        jobs,
    })))
}

/// Which rows are chosen of those that are ready: here shares of owners, rates and priorities have their place. The
/// window keeps the choice in the table for as long as it can be made well.
async fn lock(
    connection: &mut PgConnection,
    request: &TakeRequest<'_>,
    now: Timestamp,
) -> sqlx::Result<Vec<ReadyJob>> {
    let rows = sqlx::query!(
        r#"select id, name, payload, run_at, max_attempts, attempt
        from jobs
        where queue = $1 and state = 'ready' and run_at <= $2
        order by run_at, id
        limit least($3, greatest($4
            - (select count(*) from (select from jobs
                where queue = $1 and state = 'relayed' and run_at <= $2 limit $4) as waiting)
            - (select count(*) from (select from jobs
                where queue = $1 and state = 'running' limit $4) as running), 0))
        for update skip locked"#,
        request.queue,
        now.into_inner(),
        i64::from(request.limit),
        i64::from(request.window),
    )
    .fetch_all(connection)
    .await?;
    let jobs = rows.into_iter().map(|row| {
        Ok(ReadyJob {
            id: JobId(row.id),
            name: row.name,
            payload: row.payload,
            run_at: row.run_at.into(),
            max_attempts: unsigned(row.max_attempts)?,
            attempts: unsigned(row.attempt)?,
        })
    });
    jobs.collect()
}
