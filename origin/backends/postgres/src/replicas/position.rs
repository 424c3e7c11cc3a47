//! How old a replica's data is, by positions in the log of changes: a primary that has nothing to do makes no replica
//! look late, as the time of the last change would.

use std::collections::VecDeque;

use sqlx::PgConnection;
use tokio::time::Instant;

use super::replica::Why;

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
    history: Option<History>,
    kept: VecDeque<Sample>,
}

impl Samples {
    pub(super) fn add(&mut self, at: Instant, primary: Position) {
        if self.history != Some(primary.history) {
            self.kept.clear();
            self.history = Some(primary.history);
        }
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        let position = primary.position;
        self.kept.push_back(Sample { at, position });
    }

    /// The moment of which a replica there has everything; `None` if it is older than all that is known.
    fn as_of(&self, position: i64) -> Option<Instant> {
        let reached = |sample: &&Sample| sample.position <= position;
        self.kept.iter().rev().find(reached).map(|sample| sample.at)
    }

    /// What a replica there is worth; not known before the primary has answered.
    pub(super) fn judge(&self, found: &Position) -> Option<Result<Option<Instant>, Why>> {
        let history = self.history?;
        Some(match history.tell_apart(&found.history) {
            Some(why) => Err(why),
            None => Ok(self.as_of(found.position)),
        })
    }
}

/// What a position belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct History {
    pub(super) system: i64,
    /// Counted up with each promotion: a replica that did not go along may be ahead, and lacks what came after.
    pub(super) timeline: i32,
}

impl History {
    /// Why a replica of that history copies nothing of this one.
    pub(super) fn tell_apart(&self, replica: &Self) -> Option<Why> {
        if replica.system != self.system {
            Some(Why::AnotherDatabase)
        } else if replica.timeline != self.timeline {
            Some(Why::AnotherTimeline)
        } else {
            None
        }
    }
}

/// Where a server is in the log of a database system.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    pub(super) history: History,
    pub(super) position: i64,
}

/// Where the primary writes.
pub(super) async fn of_primary(connection: &mut PgConnection) -> sqlx::Result<Position> {
    // The control file says the timeline of the last checkpoint, which may be before a promotion.
    let query = sqlx::query!(
        r#"select system_identifier as "system!",
            ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int as "timeline!",
            (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint as "position!"
        from pg_control_system()"#
    );
    let row = query.fetch_one(connection).await?;
    Ok(Position {
        history: History {
            system: row.system,
            timeline: row.timeline,
        },
        position: row.position,
    })
}

/// Which server answers, and how far it has got.
pub(super) struct Found {
    /// As [`Served`](super::Served) names it.
    pub(super) server: i64,
    /// `None` if it is no replica.
    pub(super) position: Option<Position>,
}

/// How far a replica has got. Of its timeline it knows at its restart points, and at once where the role may see the
/// receiver (`pg_read_all_stats`).
pub(super) async fn of_replica(connection: &mut PgConnection) -> sqlx::Result<Found> {
    let query = sqlx::query!(
        r#"select system_identifier as "system!",
            (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint as "server!",
            greatest(
                (select timeline_id from pg_control_checkpoint()),
                (select min_recovery_end_timeline from pg_control_recovery()),
                (select received_tli from pg_stat_wal_receiver)
            ) as "timeline!",
            case when pg_is_in_recovery()
                then (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint end as position
        from pg_control_system()"#
    );
    let row = query.fetch_one(connection).await?;
    let history = History {
        system: row.system,
        timeline: row.timeline,
    };
    Ok(Found {
        server: row.server,
        position: row.position.map(|position| Position { history, position }),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_replica_is_as_old_as_the_last_position_that_it_reached() {
        let mut samples = Samples::default();
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let there = |system, timeline, position| {
            let history = History { system, timeline };
            Position { history, position }
        };
        assert!(samples.judge(&there(7, 1, 10)).is_none());
        for (seconds, position) in [(0, 10), (1, 10), (2, 30), (3, 30)] {
            samples.add(at(seconds), there(7, 1, position));
        }
        let as_of = |samples: &Samples, found| samples.judge(&found).unwrap();
        assert_eq!(as_of(&samples, there(7, 1, 9)), Ok(None));
        assert_eq!(as_of(&samples, there(7, 1, 29)), Ok(Some(at(1))));
        // The primary had nothing to do.
        assert_eq!(as_of(&samples, there(7, 1, 30)), Ok(Some(at(3))));
        let another = as_of(&samples, there(8, 1, 30));
        assert_eq!(another, Err(Why::AnotherDatabase));
        // Another was promoted, which had less: whoever had more did not go along.
        samples.add(at(4), there(7, 2, 25));
        let stayed = as_of(&samples, there(7, 1, 30));
        assert_eq!(stayed, Err(Why::AnotherTimeline));
        assert_eq!(as_of(&samples, there(7, 2, 25)), Ok(Some(at(4))));
        assert_eq!(as_of(&samples, there(7, 2, 24)), Ok(None));
        samples.add(at(5), there(8, 1, 5));
        assert_eq!(as_of(&samples, there(8, 1, 30)), Ok(Some(at(5))));
    }
}
