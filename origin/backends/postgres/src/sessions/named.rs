//! Sessions that began under the name of a request (`Idempotency-Key`). What is kept under it is the session's id, never a token:
//! who asks again is given new ones.

use sluicegate_contract::ids::SessionId;
use sluicegate_core::answer::{Repeat, RequestName, StoredAnswer};
use sluicegate_core::session::NewSession;
use sqlx::PgConnection;
use uuid::Uuid;

use super::start;
use crate::answers;
use crate::pool::Pool;

pub(super) async fn start_once(
    pool: &Pool,
    session: &NewSession,
    name: &RequestName,
) -> sqlx::Result<Result<SessionId, Repeat>> {
    let mut transaction = pool.begin().await?;
    let begun = match answers::begin(&mut transaction, name).await? {
        Some(Repeat::Answered(answer)) => id(&answer),
        Some(refused) => {
            // Waited for: who asks anew at once must not be told that this one still runs.
            transaction.rollback().await?;
            return Ok(Err(refused));
        }
        None => None,
    };
    let id = match begun {
        Some(begun) if go_on(&mut transaction, begun, session).await? => begun,
        _ => {
            start(&mut *transaction, session).await?;
            keep(&mut transaction, name, session.id).await?;
            session.id
        }
    };
    transaction.commit().await?;
    Ok(Ok(id))
}

/// Notes which session began under the name.
pub(crate) async fn keep(
    transaction: &mut PgConnection,
    name: &RequestName,
    session: SessionId,
) -> sqlx::Result<()> {
    let answer = StoredAnswer {
        status: 201,
        location: None,
        body: session.to_string(),
    };
    answers::keep(transaction, name, &answer).await
}

fn id(answer: &StoredAnswer) -> Option<SessionId> {
    Uuid::parse_str(&answer.body).ok().map(SessionId)
}

/// The session that began goes on with the tokens of `new`, and what it had before is used up; `false` if it was ended.
async fn go_on(
    transaction: &mut PgConnection,
    begun: SessionId,
    new: &NewSession,
) -> sqlx::Result<bool> {
    sqlx::query!(
        "update refresh_tokens set used_at = $2 where session_id = $1 and used_at is null",
        begun.0,
        new.created_at.into_inner(),
    )
    .execute(&mut *transaction)
    .await?;
    let begun = NewSession {
        id: begun,
        ..new.clone()
    };
    start(transaction, &begun).await
}
