use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use sha2::{Digest, Sha256};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{
    ByteStream, ListPage, ObjectInfo, ObjectStore, PresignedGet, PresignedPut, PutGrant,
    PutOptions, Reach,
};

/// Objects in memory; can be told to be down, to delete nothing, and to let something happen first.
#[derive(Default)]
pub(crate) struct Memory {
    objects: Mutex<HashMap<String, Bytes>>,
    down: AtomicBool,
    keeps_all: AtomicBool,
    before_head: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl Memory {
    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Whether deleting fails.
    pub(crate) fn set_keeps_all(&self, keeps_all: bool) {
        self.keeps_all.store(keeps_all, Ordering::SeqCst);
    }

    /// This happens between the caller's decision to look at an object and its look.
    pub(crate) fn before_next_head(&self, what: impl Future<Output = ()> + Send + 'static) {
        *self.before_head.lock().unwrap() = Some(Box::pin(what));
    }

    pub(crate) fn forget(&self, key: &str) {
        self.objects.lock().unwrap().remove(key);
    }

    /// What an edge does with a presigned PUT.
    pub(crate) fn store(&self, key: &str, content: &[u8]) {
        self.objects
            .lock()
            .unwrap()
            .insert(key.to_owned(), Bytes::copy_from_slice(content));
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.objects.lock().unwrap().contains_key(key)
    }

    fn get(&self, key: &str) -> Result<Option<(Bytes, ObjectInfo)>, PortError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(PortError::unavailable(
                "store",
                "store.internal:9000 refused",
            ));
        }
        let found = self.objects.lock().unwrap().get(key).cloned();
        Ok(found.map(|content| (content.clone(), info(&content))))
    }

    fn get_if(&self, key: &str, etag: Option<&str>) -> Result<Option<Bytes>, PortError> {
        let found = self.get(key)?;
        Ok(found
            .filter(|(_, info)| etag.is_none_or(|etag| info.etag == etag))
            .map(|(content, _)| content))
    }
}

fn info(content: &Bytes) -> ObjectInfo {
    let etag = format!("\"{}\"", hex::encode(&Sha256::digest(content)[..16]));
    ObjectInfo {
        etag,
        length: content.len() as u64,
    }
}

#[async_trait]
impl ObjectStore for Memory {
    async fn presign_put(
        &self,
        grant: &PutGrant<'_>,
        now: Timestamp,
    ) -> Result<PresignedPut, PortError> {
        let mut headers = std::collections::BTreeMap::from([(
            "content-length".to_owned(),
            grant.length.to_string(),
        )]);
        if let Some(sha256) = grant.sha256 {
            headers.insert("x-sha256".to_owned(), hex::encode(sha256));
        }
        let host = match grant.reach {
            Reach::Edge => "store.test",
            Reach::Public => "public.test",
        };
        let url = format!("http://{host}/{}", grant.key);
        Ok(PresignedPut {
            url,
            headers,
            expires_at: now.plus(grant.lifetime),
        })
    }

    async fn presign_get(
        &self,
        key: &str,
        lifetime: Duration,
        reach: Reach,
        now: Timestamp,
    ) -> Result<PresignedGet, PortError> {
        assert_eq!(reach, Reach::Edge);
        let url = format!("http://store.test/{key}");
        Ok(PresignedGet {
            url,
            expires_at: now.plus(lifetime),
        })
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, PortError> {
        let first = self.before_head.lock().unwrap().take();
        if let Some(first) = first {
            first.await;
        }
        Ok(self.get(key)?.map(|(_, info)| info))
    }

    async fn read_start(
        &self,
        key: &str,
        length: u64,
        etag: &str,
    ) -> Result<Option<Bytes>, PortError> {
        let found = self.get_if(key, Some(etag))?;
        Ok(found.map(|content| content.slice(..content.len().min(length.try_into().unwrap()))))
    }

    async fn read(&self, key: &str, etag: Option<&str>) -> Result<Option<ByteStream>, PortError> {
        let found = self.get_if(key, etag)?;
        Ok(found.map(|content| -> ByteStream { Box::pin(stream::iter([Ok(content)])) }))
    }

    async fn put(
        &self,
        key: &str,
        content: Bytes,
        _: &PutOptions<'_>,
    ) -> Result<ObjectInfo, PortError> {
        self.get(key)?;
        let info = info(&content);
        self.objects.lock().unwrap().insert(key.to_owned(), content);
        Ok(info)
    }

    async fn delete(&self, key: &str) -> Result<(), PortError> {
        self.get(key)?;
        if self.keeps_all.load(Ordering::SeqCst) {
            return Err(PortError::unavailable("store", "store.internal:9000 stuck"));
        }
        self.forget(key);
        Ok(())
    }

    async fn list(&self, _: &str, _: Option<&str>, _: u32) -> Result<ListPage, PortError> {
        unreachable!("the API lists no objects")
    }

    async fn ensure_bucket(&self) -> Result<(), PortError> {
        Ok(())
    }

    async fn ping(&self) -> Result<(), PortError> {
        self.get("").map(drop)
    }
}
