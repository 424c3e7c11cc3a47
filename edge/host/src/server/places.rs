//! Places: how many requests and uploads run at once, and how many of them, and of the connections, may be one
//! client's.

use std::collections::HashMap;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
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
    request_shares: Arc<Shares>,
    upload_shares: Arc<Shares>,
    connection_shares: Arc<Shares>,
    metrics: Metrics,
}

/// What somebody is told who finds no place.
pub(super) fn problem(why: Refused) -> Problem {
    match why {
        Refused::NoRoute => Problem::NotFound,
        Refused::RequestsFull | Refused::InstancesFull => Problem::Unavailable(RETRY_REQUEST),
        Refused::UploadsFull => Problem::Unavailable(RETRY_UPLOAD),
        Refused::ShareFull | Refused::ConnectionShareFull => Problem::TooManyRequests(RETRY_UPLOAD),
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
            request_shares: Arc::new(Shares::new(limits.request_share)),
            upload_shares: Arc::new(Shares::new(limits.upload_share)),
            connection_shares: Arc::new(Shares::new(limits.connection_share)),
            metrics,
        }
    }

    /// A place in an address's share of the connections.
    pub(super) fn connection(&self, peer: IpAddr) -> Result<Share, Refused> {
        let peer = peer.to_canonical();
        let share = self.connection_shares.take(|hasher| address(hasher, peer));
        share.ok_or(Refused::ConnectionShareFull)
    }

    /// A place for a request of a client, if its address is known.
    pub(super) fn request(&self, client: Option<IpAddr>) -> Result<Held, Refused> {
        let share = client.map(|client| self.request_shares.take(|hasher| address(hasher, client)));
        let share = share.map(|share| share.ok_or(Refused::ShareFull));
        let share = share.transpose()?;
        let place = self.requests.clone().try_acquire_owned();
        let place = place.map_err(|_| Refused::RequestsFull)?;
        Ok(vec![Box::new(place), Box::new(share)])
    }

    /// The same, or one of those that are kept back, whoever asks.
    pub(super) fn reserved(&self) -> Result<Held, Refused> {
        let place = self.requests.clone().try_acquire_owned();
        let place = place.or_else(|_| self.reserve.clone().try_acquire_owned());
        Ok(vec![Box::new(place.map_err(|_| Refused::RequestsFull)?)])
    }

    /// A place for an upload beside that of its request.
    pub(super) fn upload(
        &self,
        headers: &HeaderMap,
        client: Option<IpAddr>,
    ) -> Result<Held, Refused> {
        let token = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let share = self.upload_shares.take(|hasher| match (token, client) {
            (Some(token), _) => token.hash(hasher),
            (None, Some(client)) => address(hasher, client),
            (None, None) => {}
        });
        let share = share.ok_or(Refused::ShareFull)?;
        let place = self.uploads.clone().try_acquire_owned();
        let place = place.map_err(|_| Refused::UploadsFull)?;
        Ok(vec![
            Box::new(place),
            Box::new(share),
            Box::new(self.metrics.upload()),
        ])
    }
}

/// Whoever has one address of version 6 has all of its network's.
fn address(hasher: &mut DefaultHasher, client: IpAddr) {
    match client {
        IpAddr::V4(address) => address.hash(hasher),
        IpAddr::V6(address) => (address.to_bits() >> 64).hash(hasher),
    }
}

/// How many places each client has, as long as it has one: never more entries than places.
///
/// Of requests, a client is an address. Of uploads, it is whoever shows a certain token, so that the clients of a
/// balancer that nobody named as a proxy do not share one share. What is shown is not verified here: with a bad token a
/// client is refused by its component and gives the upload's place back.
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

    fn take(self: &Arc<Self>, name: impl FnOnce(&mut DefaultHasher)) -> Option<Share> {
        let mut hasher = self.hasher.build_hasher();
        name(&mut hasher);
        let client = hasher.finish();
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
}

/// One place of a client's share.
pub(super) struct Share {
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
    use super::*;
    use crate::traces::Tracer;

    fn places(request_share: usize, upload_share: usize) -> Places {
        let limits = Limits {
            request_share,
            upload_share,
            ..Limits::default()
        };
        Places::new(&limits, Metrics::new(Tracer::default()))
    }

    fn showing(token: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static(token));
        headers
    }

    fn from(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    #[test]
    fn a_share_of_uploads_is_a_tokens_and_comes_back() {
        let places = places(1, 2);
        let take = |token, client| places.upload(&showing(token), Some(from(client)));
        let first = take("Bearer a", "10.0.0.1").unwrap();
        let second = take("Bearer a", "10.0.0.2").unwrap();
        assert!(take("Bearer a", "10.0.0.1").is_err());
        assert!(take("Bearer b", "10.0.0.1").is_ok());
        drop(first);
        assert!(take("Bearer a", "10.0.0.1").is_ok());
        drop(second);
        assert!(places.upload_shares.held.lock().unwrap().is_empty());
    }

    #[test]
    fn without_a_token_it_is_the_addresss() {
        let places = places(1, 1);
        let take = |client| places.upload(&HeaderMap::new(), Some(from(client)));
        let held = take("2001:db8::1");
        assert!(held.is_ok());
        assert!(take("2001:db8::2").is_err());
        assert!(take("2001:db8:0:1::1").is_ok());
        assert!(take("10.0.0.1").is_ok());
    }

    #[test]
    fn a_share_of_requests_is_an_addresss() {
        let places = places(1, 9);
        let held = places.request(Some(from("10.0.0.1")));
        assert!(held.is_ok());
        assert!(matches!(
            places.request(Some(from("10.0.0.1"))),
            Err(Refused::ShareFull)
        ));
        assert!(places.request(Some(from("10.0.0.2"))).is_ok());
        let unknown = [places.request(None), places.request(None)];
        assert!(unknown.iter().all(Result::is_ok), "nobody is named");
        assert!(places.reserved().is_ok());
        drop(held);
        assert!(places.request(Some(from("10.0.0.1"))).is_ok());
    }
}
