//! Reads that replicas answer: what everybody may see, if it is not older than allowed.
//!
//! How old a replica's data is follows from positions in the log (`position`), asked four times a second (`watch`) and
//! looked at again for each read. Whoever wrote in the last five seconds reads from the primary (`writers`); after
//! that any replica in use has it, for none in use is as old. So nobody misses a write of their own, whichever
//! process took it, and a replica that cannot answer costs its reader a second question, to the primary.

mod compare;
mod line;
mod position;
mod replica;
mod served;
mod together;
mod watch;
mod writers;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sluicegate_contract::ids::{AccountId, PostId};
use sluicegate_core::account::Account;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{AccountStore, PostStore, PublicReads, Reader};
use sluicegate_core::post::{Post, PostCursor};
use tokio::task::JoinSet;

use crate::database::{self, Database};
use position::Samples;
use replica::Replica;
use writers::Writers;

pub use compare::{Compared, compare};
pub use replica::Why;
pub(crate) use served::Served;

/// How long after a write its author reads from the primary alone.
pub const OWN_WRITES: Duration = Duration::from_secs(5);

/// How replicas are used.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections to each; a replica that does not answer in time costs a reader that time.
    pub pool: database::Options,
    /// The oldest data that is shown; below [`OWN_WRITES`].
    pub lag_limit: Duration,
}

/// How a replica stands now.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Host and port.
    pub place: String,
    /// Whether it is asked.
    pub used: bool,
    /// How old its data is at most; `None` if that is not known.
    pub age: Option<Duration>,
    /// Why it is not used, if it is not.
    pub why: Why,
}

/// The replicas of a database. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Replicas(Arc<Watched>);

/// What is watched for as long as somebody has it.
struct Watched {
    inner: Arc<Inner>,
    _tasks: JoinSet<()>,
}

struct Inner {
    primary: Database,
    accounts: Arc<dyn AccountStore>,
    posts: Arc<dyn PostStore>,
    replicas: Vec<Replica>,
    lag_limit: Duration,
    samples: Mutex<Samples>,
    writers: Writers,
    next: AtomicUsize,
    reads: [AtomicU64; 2],
}

impl std::fmt::Debug for Replicas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.standings()).finish()
    }
}

impl Replicas {
    /// Begins to watch them; each is used once it has shown that it is up to date. Fails only if a URL cannot be read.
    /// Must be called within a runtime.
    pub fn watch<'a>(
        primary: &Database,
        urls: impl IntoIterator<Item = &'a str>,
        options: &Options,
    ) -> Result<Self, PortError> {
        let replicas = urls.into_iter().map(|url| Replica::new(url, options));
        let inner = Arc::new(Inner {
            accounts: primary.accounts(),
            posts: primary.posts(),
            replicas: replicas.collect::<Result<_, _>>()?,
            lag_limit: options.lag_limit,
            samples: Mutex::default(),
            writers: Writers::new(primary.clone()),
            primary: primary.clone(),
            next: AtomicUsize::new(0),
            reads: [AtomicU64::new(0), AtomicU64::new(0)],
        });
        Ok(Self(Arc::new(Watched {
            _tasks: watch::watch(&inner),
            inner,
        })))
    }

    /// How each stands now, in the order of their URLs.
    pub fn standings(&self) -> Vec<Standing> {
        let inner = &self.0.inner;
        let replicas = inner.replicas.iter();
        replicas
            .map(|replica| replica.standing(inner.lag_limit))
            .collect()
    }

    /// How many reads the primary and the replicas have answered through this.
    pub fn reads(&self) -> (u64, u64) {
        let [primary, replicas] = &self.0.inner.reads;
        (
            primary.load(Ordering::Relaxed),
            replicas.load(Ordering::Relaxed),
        )
    }
}

impl Inner {
    /// The replica that answers this reader, and its server; `None` for the primary.
    async fn choose(&self, reader: Reader) -> Option<(&Replica, i64)> {
        // Where there is no choice, nobody need be asked about.
        if !self
            .replicas
            .iter()
            .any(|replica| replica.is_used(self.lag_limit))
        {
            return None;
        }
        if let Reader::Account(account) = reader
            && self.writers.wrote_lately(account).await
        {
            return None;
        }
        self.next_used()
    }

    /// Each in turn.
    fn next_used(&self) -> Option<(&Replica, i64)> {
        let count = self.replicas.len();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let turns = (0..count).map(|turn| first.wrapping_add(turn) % count);
        turns
            .filter_map(|number| self.replicas.get(number))
            .find_map(|replica| Some((replica, replica.to_read_from(self.lag_limit)?)))
    }

    fn count(&self, by_replica: bool) {
        let [primary, replicas] = &self.reads;
        let count = if by_replica { replicas } else { primary };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Asks the replica that was chosen; the primary if there is none or it cannot answer.
macro_rules! read {
    ($replicas:expr, $reader:expr, $store:ident . $method:ident ( $($argument:expr),* )) => {{
        let inner = &$replicas.0.inner;
        if let Some((replica, server)) = inner.choose($reader).await {
            match replica.$store.$method($($argument),*).await {
                Ok(_) if !replica.was_read_from(server) => {}
                Ok(found) => {
                    inner.count(true);
                    return Ok(found);
                }
                Err(error) => replica.leave_out(Why::Gone, Some(&error)),
            }
        }
        inner.count(false);
        inner.$store.$method($($argument),*).await
    }};
}

#[async_trait]
impl PublicReads for Replicas {
    fn tells_readers_apart(&self) -> bool {
        true
    }

    async fn wrote(&self, account: AccountId) -> Result<(), PortError> {
        self.0.inner.writers.note(account).await
    }

    async fn by_handle(&self, reader: Reader, handle: &str) -> Result<Option<Account>, PortError> {
        read!(self, reader, accounts.by_handle(handle))
    }

    async fn post(&self, reader: Reader, id: PostId) -> Result<Option<Post>, PortError> {
        read!(self, reader, posts.post(id))
    }

    async fn posts(
        &self,
        reader: Reader,
        author: Option<AccountId>,
        cursor: Option<PostCursor>,
        limit: u32,
    ) -> Result<Vec<Post>, PortError> {
        read!(self, reader, posts.list(author, cursor, limit))
    }
}
