use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::body::Bytes;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{
    ByteStream, ListPage, ObjectInfo, ObjectStore, PresignedGet, PresignedPut, PutGrant,
    PutOptions, Reach,
};
use tracing::Instrument;

use super::outcome;
use crate::metrics::Metrics;

/// An object store whose calls are counted. The time of a read ends with the beginning of the stream.
pub struct MeasuredObjects {
    inner: Arc<dyn ObjectStore>,
    metrics: Metrics,
}

impl MeasuredObjects {
    /// Around `inner`.
    pub fn new(inner: Arc<dyn ObjectStore>, metrics: Metrics) -> Self {
        Self { inner, metrics }
    }

    async fn measure<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, PortError>> + Send,
    ) -> Result<T, PortError> {
        let span = tracing::info_span!("object_store", operation, outcome = tracing::field::Empty);
        let began = Instant::now();
        let result = call.instrument(span.clone()).await;
        let outcome = outcome(&result);
        span.record("outcome", outcome);
        self.metrics
            .object_call(operation, outcome, began.elapsed());
        result
    }
}

#[async_trait]
impl ObjectStore for MeasuredObjects {
    async fn presign_put(
        &self,
        grant: &PutGrant<'_>,
        now: Timestamp,
    ) -> Result<PresignedPut, PortError> {
        self.inner.presign_put(grant, now).await
    }

    async fn presign_get(
        &self,
        key: &str,
        lifetime: Duration,
        reach: Reach,
        now: Timestamp,
    ) -> Result<PresignedGet, PortError> {
        self.inner.presign_get(key, lifetime, reach, now).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, PortError> {
        self.measure("head", self.inner.head(key)).await
    }

    async fn read_start(
        &self,
        key: &str,
        length: u64,
        etag: &str,
    ) -> Result<Option<Bytes>, PortError> {
        let call = self.inner.read_start(key, length, etag);
        self.measure("read_start", call).await
    }

    async fn read(&self, key: &str, etag: Option<&str>) -> Result<Option<ByteStream>, PortError> {
        self.measure("read", self.inner.read(key, etag)).await
    }

    async fn put(
        &self,
        key: &str,
        content: Bytes,
        options: &PutOptions<'_>,
    ) -> Result<ObjectInfo, PortError> {
        let call = self.inner.put(key, content, options);
        self.measure("put", call).await
    }

    async fn delete(&self, key: &str) -> Result<(), PortError> {
        self.measure("delete", self.inner.delete(key)).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<ListPage, PortError> {
        let call = self.inner.list(prefix, after, limit);
        self.measure("list", call).await
    }

    async fn ensure_bucket(&self) -> Result<(), PortError> {
        self.measure("ensure_bucket", self.inner.ensure_bucket())
            .await
    }

    async fn ping(&self) -> Result<(), PortError> {
        self.measure("ping", self.inner.ping()).await
    }
}
