pub(crate) mod named;

use async_trait::async_trait;
use sluicegate_contract::ids::{AccountId, SessionId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::answer::RequestName;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{KNOWN_DEVICES, SessionStore, StartSessionError};
use sluicegate_core::session::{DeviceHash, LiveSession, NewSession, RefreshHash, Rotation};
use sqlx::PgExecutor;

use crate::columns;
use crate::database::Database;

pub(crate) struct PgSessions(pub(crate) Database);

#[async_trait]
impl SessionStore for PgSessions {
    async fn start(&self, session: &NewSession) -> Result<(), PortError> {
        self.0.run(start(&self.0.pool, session)).await.map(drop)
    }

    async fn start_once(
        &self,
        session: &NewSession,
        name: &RequestName,
    ) -> Result<SessionId, StartSessionError> {
        let started = named::start_once(&self.0.pool, session, name);
        let started = self.0.run(started).await?;
        started.map_err(StartSessionError::Repeated)
    }

    async fn knows_device(&self, handle: &str, device: &DeviceHash) -> Result<bool, PortError> {
        let query = sqlx::query_scalar!(
            r#"select exists (
                select from devices d join accounts a on a.id = d.account_id
                where d.hash = $1 and a.handle = $2
            ) as "known!""#,
            device.as_slice(),
            handle,
        );
        self.0.run(query.fetch_one(&self.0.pool)).await
    }

    async fn live(&self, id: SessionId, now: Timestamp) -> Result<Option<LiveSession>, PortError> {
        let query = sqlx::query!(
            "select a.id, a.role from sessions s join accounts a on a.id = s.account_id
            where s.id = $1 and s.ended_at is null and s.expires_at > $2 and a.delete_after is null",
            id.0,
            now.into_inner(),
        );
        let read = async {
            let row = query.fetch_optional(&self.0.pool).await?;
            row.map(|row| {
                Ok(LiveSession {
                    account: AccountId(row.id),
                    role: columns::role(&row.role)?,
                })
            })
            .transpose()
        };
        self.0.run(read).await
    }

    async fn rotate(
        &self,
        presented: &RefreshHash,
        new: &RefreshHash,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Rotation, PortError> {
        self.0
            .run(async {
                if let Some(rotated) = self.replace(presented, new, now, expires_at).await? {
                    return Ok(rotated);
                }
                let reused = self.end_if_used(presented, now).await?;
                Ok(if reused {
                    Rotation::Reused
                } else {
                    Rotation::Unknown
                })
            })
            .await
    }

    async fn end(&self, id: SessionId, now: Timestamp) -> Result<(), PortError> {
        let query = sqlx::query!(
            "update sessions set ended_at = $2 where id = $1 and ended_at is null",
            id.0,
            now.into_inner(),
        );
        self.0.run(query.execute(&self.0.pool)).await.map(drop)
    }
}

/// Starts the session, or gives one of that id that lives the new tokens; `false` if it does not live.
async fn start(executor: impl PgExecutor<'_>, session: &NewSession) -> sqlx::Result<bool> {
    let started = sqlx::query!(
        "with s as (
            insert into sessions (id, account_id, created_at, expires_at)
            values ($1, $2, $3, $4)
            on conflict (id) do update set expires_at = excluded.expires_at
            where sessions.account_id = excluded.account_id and sessions.ended_at is null
                and sessions.expires_at > $3
            returning id
        ), used as (
            insert into devices (hash, account_id, last_used_at) select $6, $2, $3 from s
            on conflict (hash) do update set last_used_at = excluded.last_used_at
            where devices.account_id = excluded.account_id
        ), forgotten as (
            delete from devices where hash in (
                select hash from devices where account_id = $2 and hash <> $6
                order by last_used_at desc, hash offset $7
            )
        )
        insert into refresh_tokens (hash, session_id, created_at) select $5, s.id, $3 from s",
        session.id.0,
        session.account.0,
        session.created_at.into_inner(),
        session.expires_at.into_inner(),
        session.refresh.as_slice(),
        session.device.as_slice(),
        i64::from(KNOWN_DEVICES) - 1,
    )
    .execute(executor)
    .await?;
    Ok(started.rows_affected() > 0)
}

impl PgSessions {
    /// The row of the presented token decides: whoever marks it as used first has won.
    async fn replace(
        &self,
        presented: &RefreshHash,
        new: &RefreshHash,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> sqlx::Result<Option<Rotation>> {
        let row = sqlx::query!(
            r#"with presented as (
                update refresh_tokens set used_at = $3
                where hash = $1 and used_at is null and exists (
                    select from sessions
                    where sessions.id = refresh_tokens.session_id
                        and ended_at is null and expires_at > $3
                )
                returning session_id
            ), session as (
                update sessions set expires_at = $4
                from presented
                where sessions.id = presented.session_id and sessions.ended_at is null
                returning sessions.id, sessions.account_id
            ), stored as (
                insert into refresh_tokens (hash, session_id, created_at)
                select $2, session.id, $3 from session
            )
            select id as "id!", account_id as "account_id!" from session"#,
            presented.as_slice(),
            new.as_slice(),
            now.into_inner(),
            expires_at.into_inner(),
        )
        .fetch_optional(&self.0.pool)
        .await?;
        Ok(row.map(|row| Rotation::Rotated {
            session: SessionId(row.id),
            account: AccountId(row.account_id),
        }))
    }

    /// Ends the live session of a token that had been used before; `false` if there is none.
    async fn end_if_used(&self, presented: &RefreshHash, now: Timestamp) -> sqlx::Result<bool> {
        let ended = sqlx::query!(
            "update sessions set ended_at = $2
            from refresh_tokens token
            where token.hash = $1 and token.used_at is not null and sessions.id = token.session_id
                and sessions.ended_at is null and sessions.expires_at > $2",
            presented.as_slice(),
            now.into_inner(),
        )
        .execute(&self.0.pool)
        .await?;
        Ok(ended.rows_affected() > 0)
    }
}
