//! What every [`ObjectStore`] must do: for us, and for those who hold its presigned URLs.
//!
//! Call [`all`] from the adapter's tests with a store whose bucket may be missing still.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a suite fails by panicking"
)]

mod listed;
mod presigned_get;
mod presigned_put;
mod stored;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::ports::{ObjectStore, PresignedPut, PutGrant, Reach};

pub use listed::*;
pub use presigned_get::*;
pub use presigned_put::*;
pub use stored::*;

/// A store to be tried.
#[derive(Clone)]
pub struct Fixture {
    /// The adapter.
    pub store: Arc<dyn ObjectStore>,
    /// Uses the presigned URLs.
    pub http: reqwest::Client,
    /// The real time: the store's own clock judges signatures.
    pub now: Timestamp,
    /// Begins all keys, so that a shared bucket can be used.
    pub prefix: String,
    /// Whose URLs are tried.
    pub reach: Reach,
}

/// Of what is used at once, on a slow machine and a slow store.
const LIFETIME: Duration = Duration::from_mins(15);

/// Every promise, one after the other.
pub async fn all(fixture: &Fixture) {
    makes_its_bucket_once(fixture).await;
    keeps_what_is_put(fixture).await;
    reads_only_the_object_that_is_meant(fixture).await;
    reads_starts(fixture).await;
    reads_starts_of_empty_objects(fixture).await;
    streams_large_objects(fixture).await;
    replaces_whole(fixture).await;
    deletes_and_forgives(fixture).await;
    lists_page_by_page(fixture).await;
    lists_what_is_there_now(fixture).await;
    stores_by_url(fixture).await;
    stores_by_url_only_once(fixture).await;
    lets_one_of_many_writers_win(fixture).await;
    refuses_other_lengths(fixture).await;
    refuses_other_headers(fixture).await;
    refuses_other_places(fixture).await;
    refuses_expired_urls(fixture).await;
    verifies_sha256(fixture).await;
    forgets_uploads_that_break_off(fixture).await;
    serves_by_url(fixture).await;
    serves_ranges_by_url(fixture).await;
    serves_by_url_for_a_time(fixture).await;
}

impl Fixture {
    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    async fn content(&self, key: &str) -> Option<Bytes> {
        let stream = self.store.read(key, None).await.unwrap()?;
        let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
        Some(pieces.concat().into())
    }

    async fn put(&self, key: &str, content: impl Into<Bytes>) -> String {
        let options = sluicegate_core::ports::PutOptions {
            content_type: "image/webp",
        };
        self.store
            .put(key, content.into(), &options)
            .await
            .unwrap()
            .etag
    }

    fn grant<'a>(&self, key: &'a str, length: u64) -> PutGrant<'a> {
        PutGrant {
            key,
            length,
            sha256: None,
            lifetime: LIFETIME,
            reach: self.reach,
        }
    }

    async fn presign(&self, grant: &PutGrant<'_>) -> PresignedPut {
        self.store.presign_put(grant, self.now).await.unwrap()
    }

    /// Sends a body with the headers of a presigned PUT, some of them changed (`None`: left out). The
    /// length is always that of the body.
    async fn send(
        &self,
        put: &PresignedPut,
        body: impl Into<Bytes>,
        changed: &[(&str, Option<&str>)],
    ) -> u16 {
        let mut headers = put.headers.clone();
        headers.remove("content-length");
        for (name, value) in changed {
            match value {
                Some(value) => headers.insert((*name).to_owned(), (*value).to_owned()),
                None => headers.remove(*name),
            };
        }
        let mut request = self.http.put(&put.url).body(body.into());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send().await.unwrap().status().as_u16()
    }
}

/// Bytes without a pattern that a wrong offset would hide.
fn bytes(length: usize, seed: u32) -> Bytes {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    };
    (0..length.div_ceil(4))
        .flat_map(|_| next())
        .take(length)
        .collect()
}
