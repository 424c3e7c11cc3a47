//! How old a replica's data is, by positions in the log of changes: a primary that has nothing to do makes no replica
//! look late, as the time of the last change would.

use std::collections::VecDeque;
use std::time::Duration;

use sluicegate_core::error::PortError;
use tokio::time::Instant;

use crate::database::Database;

/// Positions that are kept: minutes of them, so that a late replica's age is known.
const KEPT: usize = 1_200;

/// Where the primary was, and when.
#[derive(Debug, Clone, Copy)]
struct Sample {
    /// Before it was asked: what was committed until then is at `position` or before.
    at: Instant,
    position: i64,
}

/// The primary's positions, oldest first.
#[derive(Default)]
pub(super) struct Samples {
    system: Option<i64>,
    kept: VecDeque<Sample>,
}

impl Samples {
    pub(super) fn add(&mut self, at: Instant, primary: Position) {
        if self.system != Some(primary.system) {
            self.kept.clear();
            self.system = Some(primary.system);
        }
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        let position = primary.position;
        self.kept.push_back(Sample { at, position });
    }

    /// The moment of which a replica there has everything; `None` if it is older than all that is known.
    pub(super) fn as_of(&self, position: i64) -> Option<Instant> {
        let reached = |sample: &&Sample| sample.position <= position;
        self.kept.iter().rev().find(reached).map(|sample| sample.at)
    }

    /// Whether this is the same database; not known before the primary has answered.
    pub(super) fn is_same(&self, system: i64) -> Option<bool> {
        self.system.map(|ours| ours == system)
    }
}

/// Where a server is in the log of a database system.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    pub(super) system: i64,
    pub(super) position: i64,
}

/// Where the primary writes.
pub(super) async fn of_primary(
    database: &Database,
    limit: Duration,
) -> Result<Position, PortError> {
    let query = sqlx::query!(
        r#"select system_identifier as "system!",
            (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint as "position!"
        from pg_control_system()"#
    );
    let row = crate::error::bounded(limit, query.fetch_one(&database.pool)).await?;
    Ok(Position {
        system: row.system,
        position: row.position,
    })
}

/// How far a replica has got; `None` if the server is no replica.
pub(super) async fn of_replica(
    database: &Database,
    limit: Duration,
) -> Result<Option<Position>, PortError> {
    let query = sqlx::query!(
        r#"select system_identifier as "system!", case when pg_is_in_recovery()
            then (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint end as position
        from pg_control_system()"#
    );
    let row = crate::error::bounded(limit, query.fetch_one(&database.pool)).await?;
    Ok(row.position.map(|position| Position {
        system: row.system,
        position,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_replica_is_as_old_as_the_last_position_that_it_reached() {
        let mut samples = Samples::default();
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        for (seconds, position) in [(0, 10), (1, 10), (2, 30), (3, 30)] {
            let system = 7;
            samples.add(at(seconds), Position { system, position });
        }
        assert_eq!(samples.as_of(9), None);
        assert_eq!(samples.as_of(29), Some(at(1)));
        // The primary had nothing to do.
        assert_eq!(samples.as_of(30), Some(at(3)));
        assert_eq!(samples.is_same(8), Some(false));
        let other = Position {
            system: 8,
            position: 5,
        };
        samples.add(at(4), other);
        assert_eq!(samples.as_of(30), Some(at(4)));
    }
}
