use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sluicegate_core::error::PortError;
use sluicegate_core::ports::{AccountStore, PostStore};
use tokio::time::Instant;

use super::{Options, Standing};
use crate::database::Database;

/// One replica.
pub(super) struct Replica {
    pub(super) url: String,
    /// Host and port, for people.
    pub(super) place: String,
    pub(super) database: Database,
    pub(super) accounts: Arc<dyn AccountStore>,
    pub(super) posts: Arc<dyn PostStore>,
    state: Mutex<State>,
}

struct State {
    probed: bool,
    /// It has everything that was committed until then.
    as_of: Option<Instant>,
    why: Why,
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
            Self::Unfit => "its pooler mixes up prepared statements",
        }
    }
}

impl Replica {
    pub(super) fn new(url: &str, options: &Options) -> Result<Self, PortError> {
        let database = Database::lazy(url, &options.pool)?;
        Ok(Self {
            url: url.to_owned(),
            place: crate::database::place(url)?,
            accounts: database.accounts(),
            posts: database.posts(),
            database,
            state: Mutex::new(State {
                probed: false,
                as_of: None,
                why: Why::Gone,
            }),
        })
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
