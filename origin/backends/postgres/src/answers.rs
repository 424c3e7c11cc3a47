use async_trait::async_trait;
use sluicegate_core::answer::{Repeat, RequestName, StoredAnswer};
use sluicegate_core::error::PortError;
use sluicegate_core::ports::AnswerStore;
use sqlx::{PgConnection, PgExecutor};

use crate::database::Database;

pub(crate) struct PgAnswers(pub(crate) Database);

#[async_trait]
impl AnswerStore for PgAnswers {
    async fn find(&self, name: &RequestName) -> Result<Option<Repeat>, PortError> {
        self.0.run(find(&self.0.pool, name)).await
    }
}

/// Begins in a transaction what must not be done twice; whoever is told of nothing goes on, writes the answer with
/// [`keep`] and commits.
///
/// The lock is the transaction's. It is given back with it, whether that is committed, or its process or connection dies; and
/// what is committed is seen by whoever gets the lock next.
pub(crate) async fn begin(
    transaction: &mut PgConnection,
    name: &RequestName,
) -> sqlx::Result<Option<Repeat>> {
    let place = format!("{}:{}:{}", name.owner, name.route, name.key);
    let alone = sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as "alone!""#,
        place
    )
    .fetch_one(&mut *transaction)
    .await?;
    if !alone {
        return Ok(Some(Repeat::Running));
    }
    find(&mut *transaction, name).await
}

async fn find(executor: impl PgExecutor<'_>, name: &RequestName) -> sqlx::Result<Option<Repeat>> {
    let row = sqlx::query!(
        "select fingerprint, status, location, body from stored_answers
        where owner_id = $1 and route = $2 and key = $3 and expires_at > $4",
        name.owner.0,
        name.route,
        name.key,
        name.at.into_inner(),
    )
    .fetch_optional(executor)
    .await?;
    Ok(row.map(|row| {
        if row.fingerprint == name.fingerprint {
            Repeat::Answered(StoredAnswer {
                status: u16::try_from(row.status).unwrap_or(500),
                location: row.location,
                body: row.body,
            })
        } else {
            Repeat::Another
        }
    }))
}

pub(crate) async fn keep(
    transaction: &mut PgConnection,
    name: &RequestName,
    answer: &StoredAnswer,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into stored_answers
            (owner_id, route, key, fingerprint, status, location, body, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (owner_id, route, key) do update set fingerprint = $4, status = $5, location = $6,
            body = $7, expires_at = $8",
        name.owner.0,
        name.route,
        name.key,
        name.fingerprint.as_slice(),
        i16::try_from(answer.status).unwrap_or(i16::MAX),
        answer.location,
        answer.body,
        name.expires_at().into_inner(),
    )
    .execute(transaction)
    .await?;
    Ok(())
}
