use std::collections::HashSet;

use sluicegate_contract::ids::AccountId;
use sluicegate_core::error::PortError;
use uuid::Uuid;

use super::OWN_WRITES;
use super::together::Together;
use crate::database::Database;

/// Who has changed something lately, as the primary knows it: so it holds for all processes, and goes by one clock.
pub(super) struct Writers {
    primary: Database,
    marks: Together,
    questions: Together,
}

impl Writers {
    pub(super) fn new(primary: Database) -> Self {
        Self {
            primary,
            marks: Together::default(),
            questions: Together::default(),
        }
    }

    /// Notes it for all processes.
    pub(super) async fn note(&self, account: AccountId) -> Result<(), PortError> {
        let noted = self
            .marks
            .ask(account, |accounts| self.note_all(accounts))
            .await;
        match noted {
            Some(_) => Ok(()),
            None => Err(PortError::unavailable("database", "a write was not noted")),
        }
    }

    /// Whether they wrote lately. If that cannot be asked, they may have.
    pub(super) async fn wrote_lately(&self, account: AccountId) -> bool {
        self.questions
            .ask(account, |accounts| self.who_wrote(accounts))
            .await
            .unwrap_or(true)
    }

    async fn note_all(&self, accounts: Vec<AccountId>) -> Option<HashSet<AccountId>> {
        // Sorted, so that two processes lock the same rows in the same order.
        let ids = uuids(&accounts);
        let query = sqlx::query!(
            "with old as (
                delete from recent_writes where account_id in (
                    select account_id from recent_writes
                    where written_at < clock_timestamp() - interval '1 minute' and account_id <> all($1)
                    order by written_at limit 200
                    for update skip locked
                )
            )
            insert into recent_writes (account_id, written_at)
            select id, clock_timestamp() from unnest($1::uuid[]) with ordinality as noted (id, place)
            order by place
            on conflict (account_id) do update set written_at = excluded.written_at",
            &ids,
        );
        let noted = self.primary.run(query.execute(&self.primary.pool)).await;
        match noted {
            Ok(_) => Some(accounts.into_iter().collect()),
            Err(error) => {
                tracing::warn!(%error, "could not note who wrote");
                None
            }
        }
    }

    async fn who_wrote(&self, accounts: Vec<AccountId>) -> Option<HashSet<AccountId>> {
        let query = sqlx::query_scalar!(
            "select account_id from recent_writes
            where account_id = any($1)
                and written_at > clock_timestamp() - $2::float8 * interval '1 second'",
            &uuids(&accounts),
            OWN_WRITES.as_secs_f64(),
        );
        match self.primary.run(query.fetch_all(&self.primary.pool)).await {
            Ok(found) => Some(found.into_iter().map(AccountId).collect()),
            Err(error) => {
                tracing::warn!(%error, "could not ask who wrote");
                None
            }
        }
    }
}

fn uuids(accounts: &[AccountId]) -> Vec<Uuid> {
    accounts.iter().map(|account| account.0).collect()
}
