use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sluicegate_core::error::PortError;
use sluicegate_core::ports::{AccountStore, PostStore};
use sqlx::postgres::PgConnectOptions;
use tokio::time::Instant;

use super::served::Served;
use super::{Options, Standing};
use crate::database::{Database, connect_options};

/// How long one whose address leads to several servers is left out, each time.
const SEVERAL: Duration = Duration::from_mins(1);

/// One replica.
pub(super) struct Replica {
    pub(super) url: String,
    /// Host and port, for people.
    pub(super) place: String,
    /// What it is connected to with.
    pub(super) options: PgConnectOptions,
    served: Arc<Served>,
    pub(super) accounts: Arc<dyn AccountStore>,
    pub(super) posts: Arc<dyn PostStore>,
    state: Mutex<State>,
}

struct State {
    probed: bool,
    /// It has everything that was committed until then.
    as_of: Option<Instant>,
    why: Why,
    /// Several servers were found behind its address: not used until then.
    several_until: Option<Instant>,
}

impl State {
    fn is_used(&self, lag_limit: Duration) -> bool {
        self.as_of.is_some_and(|as_of| as_of.elapsed() <= lag_limit)
    }
}

/// Why a replica is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It does not answer, or has not yet.
    Gone,
    /// It is further behind than is allowed, or the primary does not say where it is.
    Late,
    /// The server is a primary, perhaps one that was promoted.
    NoReplica,
    /// It copies another database system.
    AnotherDatabase,
    /// It did not go along when another server was promoted, or its server does not say that it did.
    AnotherTimeline,
    /// Its address leads to several servers, of which one says nothing of the others.
    Several,
    /// Its pooler mixes up prepared statements.
    Unfit,
}

impl Why {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "it does not answer",
            Self::Late => "it is late",
            Self::NoReplica => "it is no replica",
            Self::AnotherDatabase => "it copies another database",
            Self::AnotherTimeline => "it does not follow the primary, or does not say so yet",
            Self::Several => "its address leads to several servers",
            Self::Unfit => "its pooler mixes up prepared statements",
        }
    }
}

impl Replica {
    pub(super) fn new(url: &str, options: &Options) -> Result<Self, PortError> {
        let served = Arc::new(Served::new());
        let database = Database::of_replica(url, &options.pool, &served)?;
        Ok(Self {
            url: url.to_owned(),
            place: crate::database::place(url)?,
            accounts: database.accounts(),
            posts: database.posts(),
            options: connect_options(url)?,
            served,
            state: Mutex::new(State {
                probed: false,
                as_of: None,
                why: Why::Gone,
                several_until: None,
            }),
        })
    }

    /// Another server that a connection led to, before those who watch ask again: see [`Replica::is_served_by`].
    pub(super) fn met(&self) -> Option<i64> {
        self.served.met()
    }

    /// This server answered those who watch, after `met` was met; `by_new` if by a connection of which it is the first answer.
    /// One that was restarted is another one, and begins anew. But a connection that lived all the time shows that there are
    /// several: where the other one was met meanwhile, or where itself leads to one after the other. Answers whether the replica
    /// may be used.
    pub(super) fn is_served_by(&self, server: i64, by_new: bool, met: Option<i64>) -> bool {
        let mut state = self.state();
        let is_another = self.served.is(server);
        let are_several = !by_new && (is_another || met.is_some_and(|met| met != server));
        if let Some(met) = met {
            self.served.forget(met);
        }
        if is_another {
            state.as_of = None;
        }
        if are_several {
            state.several_until = Some(Instant::now() + SEVERAL);
        }
        drop(state);
        !self.is_several()
    }

    /// Whether its address was found to lead to several servers, not long ago.
    pub(super) fn is_several(&self) -> bool {
        let mut state = self.state();
        let is_several = state
            .several_until
            .is_some_and(|until| Instant::now() < until);
        if is_several {
            state.as_of = None;
            state.why = Why::Several;
        }
        is_several
    }

    /// The server to read from, to be shown to [`Replica::was_read_from`]; `None` if it is not used.
    pub(super) fn to_read_from(&self, lag_limit: Duration) -> Option<i64> {
        let state = self.state();
        state.is_used(lag_limit).then(|| self.served.server())
    }

    /// Whether what was read since came from that server. By a connection that led to another one, it would be as old as that
    /// one is.
    pub(super) fn was_read_from(&self, server: i64) -> bool {
        self.served.met().is_none() && self.served.server() == server && !self.is_several()
    }

    /// It answered with this data.
    pub(super) fn has_reached(&self, as_of: Option<Instant>) {
        let mut state = self.state();
        // It never goes back: what it had, it has.
        state.as_of = as_of.max(state.as_of);
        state.why = Why::Late;
    }

    /// Not used from here on, until the next look finds it well. One that failed is probed anew.
    pub(super) fn leave_out(&self, why: Why, error: Option<&PortError>) {
        if let Some(error) = error {
            tracing::debug!(%error, place = self.place, "a replica failed");
        }
        let mut state = self.state();
        state.as_of = None;
        state.why = why;
        state.probed = false;
    }

    pub(super) fn must_be_probed(&self) -> bool {
        !self.state().probed
    }

    pub(super) fn is_probed(&self) {
        self.state().probed = true;
    }

    pub(super) fn standing(&self, lag_limit: Duration) -> Standing {
        let state = self.state();
        let age = state.as_of.map(|as_of| as_of.elapsed());
        Standing {
            place: self.place.clone(),
            used: age.is_some_and(|age| age <= lag_limit),
            age,
            why: state.why,
        }
    }

    pub(super) fn is_used(&self, lag_limit: Duration) -> bool {
        self.state().is_used(lag_limit)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: i64 = 1;
    const NEW: i64 = 2;

    /// Watched at [`OLD`], by a connection that lives.
    fn replica() -> Replica {
        let options = Options {
            pool: crate::Options::default(),
            lag_limit: Duration::from_secs(1),
        };
        let replica = Replica::new("postgres://u@127.0.0.1:1/d", &options).unwrap();
        assert!(replica.is_served_by(OLD, true, None));
        replica.has_reached(Some(Instant::now()));
        replica
    }

    #[tokio::test]
    async fn one_that_was_restarted_is_one_whoever_finds_it_first() {
        let replica = replica();
        replica.served.leads_to(NEW);
        assert!(!replica.was_read_from(OLD), "it may be too old");
        let met = replica.met();
        // Their connection did not outlive the server.
        assert!(replica.is_served_by(NEW, true, met));
        assert!(replica.was_read_from(NEW));
        assert!(!replica.was_read_from(OLD));
        assert!(!replica.is_used(Duration::from_secs(1)), "it begins anew");
    }

    #[tokio::test]
    async fn one_that_was_restarted_twice_is_one() {
        let replica = replica();
        replica.served.leads_to(NEW);
        let met = replica.met();
        assert!(replica.is_served_by(3, true, met));
        assert!(replica.is_served_by(3, false, replica.met()));
    }

    #[tokio::test]
    async fn two_that_answer_at_once_are_several() {
        let replica = replica();
        replica.served.leads_to(NEW);
        let met = replica.met();
        assert!(!replica.is_served_by(OLD, false, met));
        assert!(!replica.was_read_from(OLD));
        assert_eq!(replica.standing(Duration::from_secs(1)).why, Why::Several);
    }

    #[tokio::test]
    async fn who_answers_before_the_other_is_met_says_nothing_of_it() {
        let replica = replica();
        let met = replica.met();
        replica.served.leads_to(NEW);
        assert!(
            replica.is_served_by(OLD, false, met),
            "it may have ended since"
        );
        assert!(!replica.was_read_from(OLD), "until they ask again");
        assert!(!replica.is_served_by(OLD, false, replica.met()));
    }

    #[tokio::test]
    async fn a_connection_that_leads_elsewhere_shows_several() {
        assert!(!replica().is_served_by(NEW, false, None));
    }
}
