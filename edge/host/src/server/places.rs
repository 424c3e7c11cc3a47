//! Places: how many requests and uploads run at once, and how many of the uploads may be one client's.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use tokio::sync::Semaphore;

use super::problem::Problem;
use crate::Limits;
use crate::metrics::{Metrics, Refused};
use crate::wasm::p3::Held;

/// Places for requests to [`Limits::reserved_path`] when all others are taken.
const RESERVE: usize = 16;
/// When to try again, in seconds.
const RETRY_REQUEST: u64 = 1;
const RETRY_UPLOAD: u64 = 5;

pub(super) struct Places {
    requests: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    shares: Arc<Shares>,
    metrics: Metrics,
}

/// What somebody is told who finds no place.
pub(super) fn problem(why: Refused) -> Problem {
    match why {
        Refused::NoRoute => Problem::NotFound,
        Refused::RequestsFull | Refused::InstancesFull => Problem::Unavailable(RETRY_REQUEST),
        Refused::UploadsFull => Problem::Unavailable(RETRY_UPLOAD),
        Refused::ShareFull => Problem::TooManyRequests(RETRY_UPLOAD),
        Refused::HeadTooLarge => Problem::HeadersTooLarge,
        Refused::HeadTooSlow | Refused::BodyTooSlow => Problem::RequestTimeout,
        Refused::Invalid => Problem::InvalidRequest,
    }
}

impl Places {
    pub(super) fn new(limits: &Limits, metrics: Metrics) -> Self {
        Self {
            requests: Arc::new(Semaphore::new(limits.requests)),
            reserve: Arc::new(Semaphore::new(RESERVE)),
            uploads: Arc::new(Semaphore::new(limits.uploads)),
            shares: Arc::new(Shares::new(limits.upload_share)),
            metrics,
        }
    }

    /// A place for a request. `spare`: it may have one of those that are kept back.
    pub(super) fn request(&self, spare: bool) -> Result<Held, Refused> {
        let place = match self.requests.clone().try_acquire_owned() {
            Err(_) if spare => self.reserve.clone().try_acquire_owned(),
            place => place,
        };
        Ok(vec![Box::new(place.map_err(|_| Refused::RequestsFull)?)])
    }

    /// A place for an upload beside that of its request.
    pub(super) fn upload(&self, headers: &HeaderMap, peer: SocketAddr) -> Result<Held, Refused> {
        let share = self.shares.take(headers, peer).ok_or(Refused::ShareFull)?;
        let place = self.uploads.clone().try_acquire_owned();
        let place = place.map_err(|_| Refused::UploadsFull)?;
        Ok(vec![
            Box::new(place),
            Box::new(share),
            Box::new(self.metrics.upload()),
        ])
    }
}

/// How many uploads each client has, as long as it has one: never more entries than places.
///
/// A client is whoever shows a certain token. What is shown is not verified here: with a bad one a client is refused
/// by its component at once and holds no place. Without any, the client is its address, which behind a balancer is
/// the balancer's for all of them; a share by address would leave a whole site with one share.
struct Shares {
    limit: usize,
    held: Mutex<HashMap<u64, usize>>,
    /// Keyed for this process, so that nobody can choose who to collide with, and no token is kept.
    hasher: RandomState,
}

impl Shares {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            held: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    fn take(self: &Arc<Self>, headers: &HeaderMap, peer: SocketAddr) -> Option<Share> {
        let client = self.client(headers, peer);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(client).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Share {
            shares: self.clone(),
            client,
        })
    }

    fn client(&self, headers: &HeaderMap, peer: SocketAddr) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        match (headers.get(AUTHORIZATION), peer.ip()) {
            (Some(token), _) => token.as_bytes().hash(&mut hasher),
            (None, IpAddr::V4(address)) => address.hash(&mut hasher),
            // Whoever has one address of version 6 has all of its network's.
            (None, IpAddr::V6(address)) => (address.to_bits() >> 64).hash(&mut hasher),
        }
        hasher.finish()
    }
}

/// One upload of a client's share.
struct Share {
    shares: Arc<Shares>,
    client: u64,
}

impl Drop for Share {
    fn drop(&mut self) {
        let held = self.shares.held.lock();
        let mut held = held.unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                held.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn showing(token: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static(token));
        headers
    }

    #[test]
    fn a_share_is_a_tokens_and_comes_back() {
        let shares = Arc::new(Shares::new(2));
        let peer: SocketAddr = "10.0.0.1:1".parse().unwrap();
        let other: SocketAddr = "10.0.0.2:1".parse().unwrap();
        let first = shares.take(&showing("Bearer a"), peer).unwrap();
        let second = shares.take(&showing("Bearer a"), other).unwrap();
        assert!(shares.take(&showing("Bearer a"), peer).is_none());
        assert!(shares.take(&showing("Bearer b"), peer).is_some());
        drop(first);
        assert!(shares.take(&showing("Bearer a"), peer).is_some());
        drop(second);
        assert!(shares.held.lock().unwrap().is_empty());
    }

    #[test]
    fn without_a_token_it_is_the_addresss() {
        let shares = Arc::new(Shares::new(1));
        let none = HeaderMap::new();
        let held = shares.take(&none, "[2001:db8::1]:1".parse().unwrap());
        assert!(held.is_some());
        assert!(
            shares
                .take(&none, "[2001:db8::2]:9".parse().unwrap())
                .is_none()
        );
        assert!(
            shares
                .take(&none, "[2001:db8:0:1::1]:1".parse().unwrap())
                .is_some()
        );
        assert!(shares.take(&none, "10.0.0.1:1".parse().unwrap()).is_some());
    }
}
