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

    /// This server answered those who watch; `by_new` if by a connection of which it is the first answer. One that was
    /// restarted is another one, and begins anew. Answers whether it may be used.
    pub(super) fn is_served_by(&self, server: i64, by_new: bool) -> bool {
        if self.served.is(server) {
            let mut state = self.state();
            state.as_of = None;
            if by_new {
                self.served.forget();
            } else {
                state.several_until = Some(Instant::now() + SEVERAL);
            }
        }
        !self.is_several()
    }

    /// Whether its address was found to lead to several servers, not long ago.
    pub(super) fn is_several(&self) -> bool {
        let mut state = self.state();
        if self.served.has_met_another() {
            self.served.forget();
            state.several_until = Some(Instant::now() + SEVERAL);
        }
        let is_several = state
            .several_until
            .is_some_and(|until| Instant::now() < until);
        if is_several {
            state.as_of = None;
            state.why = Why::Several;
        }
        is_several
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
        let as_of = self.state().as_of;
        as_of.is_some_and(|as_of| as_of.elapsed() <= lag_limit)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
