#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::Clock;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{
    ByteStream, ListPage, ListedObject, ObjectInfo, ObjectStore, PresignedGet, PresignedPut,
    PutGrant, PutOptions, Reach,
};

use super::clock::TestClock;

/// Objects in memory. Can be told to be down, or to refuse to delete.
pub(crate) struct Memory {
    clock: TestClock,
    /// With the times at which they were written.
    objects: Mutex<BTreeMap<String, (Bytes, Timestamp)>>,
    down: AtomicBool,
    keeps: AtomicBool,
    hides: AtomicBool,
}

impl Memory {
    pub(crate) fn new(clock: TestClock) -> Self {
        Self {
            clock,
            objects: Mutex::default(),
            down: AtomicBool::default(),
            keeps: AtomicBool::default(),
            hides: AtomicBool::default(),
        }
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Whether it refuses to delete.
    pub(crate) fn set_keeps(&self, keeps: bool) {
        self.keeps.store(keeps, Ordering::SeqCst);
    }

    /// Whether it refuses to list what is there.
    pub(crate) fn set_hides(&self, hides: bool) {
        self.hides.store(hides, Ordering::SeqCst);
    }

    pub(crate) fn store(&self, key: &str, content: &str) {
        let object = (content.to_owned().into(), self.clock.now());
        self.objects.lock().unwrap().insert(key.to_owned(), object);
    }

    /// All keys, sorted.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.objects.lock().unwrap().contains_key(key)
    }

    pub(crate) fn etag(key: &str) -> String {
        format!("\"{key}\"")
    }

    fn get(&self, key: &str) -> Result<Option<Bytes>, PortError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(PortError::unavailable("store", "nobody there"));
        }
        let objects = self.objects.lock().unwrap();
        Ok(objects.get(key).map(|(content, _)| content.clone()))
    }
}

#[async_trait]
impl ObjectStore for Memory {
    async fn presign_put(&self, _: &PutGrant<'_>, _: Timestamp) -> Result<PresignedPut, PortError> {
        unreachable!("a worker gives no URLs")
    }

    async fn presign_get(
        &self,
        _: &str,
        _: Duration,
        _: Reach,
        _: Timestamp,
    ) -> Result<PresignedGet, PortError> {
        unreachable!("a worker gives no URLs")
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, PortError> {
        let info = |content: Bytes| ObjectInfo {
            etag: Self::etag(key),
            length: u64::try_from(content.len()).unwrap(),
        };
        Ok(self.get(key)?.map(info))
    }

    async fn read_start(&self, key: &str, _: u64, _: &str) -> Result<Option<Bytes>, PortError> {
        self.get(key)
    }

    async fn read(&self, key: &str, etag: Option<&str>) -> Result<Option<ByteStream>, PortError> {
        let same = etag.is_none_or(|etag| etag == Self::etag(key));
        let found = self.get(key)?.filter(|_| same);
        Ok(found.map(|content| -> ByteStream { Box::pin(stream::iter([Ok(content)])) }))
    }

    async fn put(
        &self,
        key: &str,
        content: Bytes,
        _: &PutOptions<'_>,
    ) -> Result<ObjectInfo, PortError> {
        self.get(key)?;
        let length = u64::try_from(content.len()).unwrap();
        let object = (content, self.clock.now());
        self.objects.lock().unwrap().insert(key.to_owned(), object);
        Ok(ObjectInfo {
            etag: Self::etag(key),
            length,
        })
    }

    async fn delete(&self, key: &str) -> Result<(), PortError> {
        self.get(key)?;
        if self.keeps.load(Ordering::SeqCst) {
            return Err(PortError::unavailable("store", "cannot delete"));
        }
        self.objects.lock().unwrap().remove(key);
        Ok(())
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<ListPage, PortError> {
        self.get("")?;
        if self.hides.load(Ordering::SeqCst) {
            return Err(PortError::unavailable("store", "cannot list"));
        }
        let limit = usize::try_from(limit).unwrap();
        let stored = self.objects.lock().unwrap();
        let listed = stored.iter().filter(|(key, _)| {
            key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after)
        });
        let mut objects: Vec<_> = listed
            .take(limit + 1)
            .map(|(key, (_, modified))| ListedObject {
                key: key.clone(),
                modified: *modified,
            })
            .collect();
        let more = objects.len() > limit;
        objects.truncate(limit);
        Ok(ListPage { objects, more })
    }

    async fn ensure_bucket(&self) -> Result<(), PortError> {
        Ok(())
    }

    async fn ping(&self) -> Result<(), PortError> {
        self.get("").map(drop)
    }
}
