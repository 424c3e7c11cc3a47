use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use sluicegate_contract::time::Timestamp;

use crate::error::PortError;

/// The bytes of an object as they arrive. An error ends the stream; a stream that ends without one
/// was whole.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, PortError>> + Send>>;

/// Who will use a presigned URL. The store's name is part of the signature, so each needs its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// An edge (`S3_EDGE_ENDPOINT`).
    Edge,
    /// A client (`S3_PUBLIC_ENDPOINT`).
    Public,
}

/// What a presigned PUT allows: exactly this object, once, of exactly this size.
#[derive(Debug, Clone)]
pub struct PutGrant<'a> {
    /// The object.
    pub key: &'a str,
    /// Bytes; signed.
    pub length: u64,
    /// SHA-256 of the content; signed if given, and verified by the store.
    pub sha256: Option<[u8; 32]>,
    /// How long the URL works.
    pub lifetime: Duration,
    /// Who uses it.
    pub reach: Reach,
}

/// A presigned PUT. `content-type` is `application/octet-stream`, `if-none-match` is `*`: an object
/// that exists is never replaced (412).
#[derive(Debug, Clone)]
pub struct PresignedPut {
    /// Where.
    pub url: String,
    /// Headers to send exactly so.
    pub headers: BTreeMap<String, String>,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// A presigned GET; `Range` may be sent with it.
#[derive(Debug, Clone)]
pub struct PresignedGet {
    /// Where.
    pub url: String,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// What a store says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The entity tag, with its quotes. Changes whenever the content does.
    pub etag: String,
    /// Bytes.
    pub length: u64,
}

/// One object in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key.
    pub key: String,
    /// When it was written, by the store's clock; some stores cut it to the second.
    pub modified: Timestamp,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListPage {
    /// In the order of their keys' bytes.
    pub objects: Vec<ListedObject>,
    /// Whether others follow: ask again with the last key.
    pub more: bool,
}

/// How an object is written.
#[derive(Debug, Clone, Default)]
pub struct PutOptions<'a> {
    /// The media type that readers are told.
    pub content_type: &'a str,
}

/// An S3-compatible object store. Keys are ASCII, made by us; none is another's folder (`a` and `a/b`), for which stores
/// that lie in folders have no answer.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// A URL by which one object can be stored once. Pure: does not ask the store.
    async fn presign_put(
        &self,
        grant: &PutGrant<'_>,
        now: Timestamp,
    ) -> Result<PresignedPut, PortError>;

    /// A URL by which an object can be read. Pure: does not ask the store.
    async fn presign_get(
        &self,
        key: &str,
        lifetime: Duration,
        reach: Reach,
        now: Timestamp,
    ) -> Result<PresignedGet, PortError>;

    /// Size and entity tag; `None` if there is no such object.
    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, PortError>;

    /// The first `length` bytes, or all if there are fewer, only while the entity tag is `etag`.
    /// `None` if there is no such object, or another one in its place. At most 1 MiB.
    async fn read_start(
        &self,
        key: &str,
        length: u64,
        etag: &str,
    ) -> Result<Option<Bytes>, PortError>;

    /// All of it, only while the entity tag is `etag` if one is given. `None` as above.
    async fn read(&self, key: &str, etag: Option<&str>) -> Result<Option<ByteStream>, PortError>;

    /// Writes an object, replacing what was there; readers see the old or the new, never a part.
    async fn put(
        &self,
        key: &str,
        content: Bytes,
        options: &PutOptions<'_>,
    ) -> Result<ObjectInfo, PortError>;

    /// Deletes an object. Idempotent: one that is not there is no error.
    async fn delete(&self, key: &str) -> Result<(), PortError>;

    /// The objects whose keys begin with `prefix` and sort after `after`, at most `limit` (1 to 1,000). What is
    /// written or deleted while pages are read may be in the list or not; everything else is there once.
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<ListPage, PortError>;

    /// Makes the bucket if it is not there. Idempotent.
    async fn ensure_bucket(&self) -> Result<(), PortError>;

    /// Answers if the store does and the bucket is there.
    async fn ping(&self) -> Result<(), PortError>;
}
