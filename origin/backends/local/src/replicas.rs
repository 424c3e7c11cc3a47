//! Several addresses of one service. Each question goes to one that is well and has the fewest before it; what one could
//! not answer, another is asked.
//!
//! Least pending is what finds a slow one without being told: its questions pile up, and the next go elsewhere
//! (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001; with few replicas all are looked at).

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use reqwest::{Client, RequestBuilder, Url};
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, timeout_at};

use crate::breaker::Pass;
use crate::service::{Service, ServiceLimits};

/// All addresses of a service; at least one.
pub(crate) struct Replicas {
    name: &'static str,
    all: Vec<Replica>,
    limits: ServiceLimits,
    /// Where looking begins, so that those who are equally busy take turns.
    turn: AtomicUsize,
    /// Whoever waits longest chooses next, of those who may ask any.
    line: Mutex<()>,
    freed: Notify,
}

/// One of them.
pub(crate) struct Replica {
    base: Url,
    service: Service,
    pending: AtomicU32,
}

/// One question's place at a replica.
struct Place<'a> {
    replica: &'a Replica,
    freed: &'a Notify,
}

enum Choice<'a> {
    Taken(Place<'a>, Pass<'a>),
    /// Those that are well have no place.
    Full,
    /// None is well that was not asked already.
    Nobody,
}

impl Replicas {
    pub(crate) fn new(
        name: &'static str,
        bases: Vec<Url>,
        client: &Client,
        env: &Env,
        limits: ServiceLimits,
    ) -> Self {
        let replica = |base: Url| Replica {
            service: Service::new(name, &base, client.clone(), env.clone(), limits),
            base,
            pending: AtomicU32::new(0),
        };
        Self {
            name,
            all: bases.into_iter().map(replica).collect(),
            limits,
            turn: AtomicUsize::new(0),
            line: Mutex::default(),
            freed: Notify::new(),
        }
    }

    /// Asks until one answers with 200 and `parse` can read it, or minds the question. Each that is asked has the whole
    /// time-out: were it cut short, one that is busy and well would count as sick, and all would be left alone for the sake
    /// of a queue.
    pub(crate) async fn ask<T>(
        &self,
        request: impl Fn(&Client, &Url) -> RequestBuilder + Send + Sync,
        parse: impl Fn(&[u8]) -> Result<T, String> + Send + Sync,
    ) -> Result<T, PortError> {
        if let [only] = self.all.as_slice() {
            return self.ask_only(only, request, parse).await;
        }
        let begins_before = Instant::now() + self.limits.timeout * 2;
        let (mut asked, mut last): (Vec<&Replica>, _) = (Vec::new(), None);
        while asked.len() <= usize::try_from(self.limits.retries).unwrap_or(usize::MAX) {
            // With time to spare or not, a place that is free is taken: hence the look at the time before.
            if begins_before <= Instant::now() {
                break;
            }
            let Ok(taken) = timeout_at(begins_before, self.take(&asked)).await else {
                break;
            };
            let Some((place, pass)) = taken else { break };
            let replica = place.replica;
            asked.push(replica);
            let limit = self.limits.timeout;
            let request = |client: &Client| request(client, &replica.base);
            let asking = replica.service.ask_within(limit, 0, pass, &request, &parse);
            match asking.await {
                Ok(answer) => return Ok(answer),
                Err(failure) if failure.alive => return Err(failure.error),
                Err(failure) => last = Some(failure.error),
            }
        }
        Err(last.unwrap_or_else(|| self.nobody()))
    }

    /// Whether a GET of any of them is answered with 200.
    pub(crate) async fn ping(
        &self,
        request: impl Fn(&Client, &Url) -> RequestBuilder + Send + Sync,
    ) -> Result<(), PortError> {
        let mut last = None;
        for replica in &self.all {
            let request = request(replica.service.client(), &replica.base);
            match replica.service.ping(request).await {
                Ok(()) => return Ok(()),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| self.nobody()))
    }

    pub(crate) fn named(&self) -> usize {
        self.all.len()
    }

    /// Not left alone after failures.
    pub(crate) fn used(&self) -> usize {
        let used = self.all.iter();
        used.filter(|replica| replica.service.is_well()).count()
    }

    async fn ask_only<T>(
        &self,
        replica: &Replica,
        request: impl Fn(&Client, &Url) -> RequestBuilder + Send + Sync,
        parse: impl Fn(&[u8]) -> Result<T, String> + Send + Sync,
    ) -> Result<T, PortError> {
        let end = Instant::now() + self.limits.timeout;
        let taken = timeout_at(end, self.take(&[])).await;
        let taken = taken.map_err(|_| self.nobody())?;
        let (_place, pass) = taken.ok_or_else(|| replica.service.left_alone())?;
        let request = |client: &Client| request(client, &replica.base);
        let (limit, retries) = (self.limits.timeout, self.limits.retries);
        let asking = replica
            .service
            .ask_within(limit, retries, pass, &request, parse);
        asking.await.map_err(|failure| failure.error)
    }

    fn nobody(&self) -> PortError {
        PortError::unavailable(self.name, "none is well and has a place")
    }

    /// Waits for a place while one is well; `None` if none is.
    async fn take<'a>(&'a self, asked: &[&Replica]) -> Option<(Place<'a>, Pass<'a>)> {
        // Who asked somebody in vain waits for some places only, and must not keep others from the rest.
        let _first = if asked.is_empty() {
            Some(self.line.lock().await)
        } else {
            None
        };
        loop {
            // Made before looking, so that a place that gets free since is not missed.
            let freed = self.freed.notified();
            match self.choose(asked) {
                Choice::Taken(place, pass) => return Some((place, pass)),
                Choice::Nobody => return None,
                Choice::Full => freed.await,
            }
        }
    }

    fn choose(&self, asked: &[&Replica]) -> Choice<'_> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.all.len().max(1);
        let (before, from) = self.all.split_at_checked(turn).unwrap_or_default();
        let others = from.iter().chain(before);
        let mut others: Vec<&Replica> = others
            .filter(|replica| !asked.iter().any(|one| std::ptr::eq(*one, *replica)))
            .collect();
        // Stable: among equals the turn decides.
        others.sort_by_key(|replica| replica.pending.load(Ordering::Relaxed));
        let mut is_full = false;
        for replica in others {
            let Some(pass) = replica.service.pass() else {
                continue;
            };
            match self.place(replica) {
                Some(place) => return Choice::Taken(place, pass),
                None => is_full = true,
            }
        }
        if is_full {
            Choice::Full
        } else {
            Choice::Nobody
        }
    }

    fn place<'a>(&'a self, replica: &'a Replica) -> Option<Place<'a>> {
        let more = |pending: u32| (pending < self.limits.at_once).then(|| pending + 1);
        let pending = &replica.pending;
        pending
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()?;
        Some(Place {
            replica,
            freed: &self.freed,
        })
    }
}

impl fmt::Debug for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Replicas").field(&self.name).finish()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.replica.pending.fetch_sub(1, Ordering::Relaxed);
        self.freed.notify_waiters();
    }
}
