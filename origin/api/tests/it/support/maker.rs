use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::ports::{ByteStream, MadePicture, MakePictureError, PictureMaker};
use tokio::sync::Semaphore;

/// Makes a text that says which file it was made from. Holds each picture until it is let go.
pub(crate) struct FakeMaker {
    calls: AtomicUsize,
    leave: Semaphore,
}

impl FakeMaker {
    pub(crate) fn new() -> Self {
        Self {
            calls: AtomicUsize::new(0),
            leave: Semaphore::new(Semaphore::MAX_PERMITS),
        }
    }

    /// From now on each picture waits for [`Self::let_go`].
    pub(crate) fn hold(&self) {
        self.leave.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Lets so many pictures be made.
    pub(crate) fn let_go(&self, pictures: usize) {
        self.leave.add_permits(pictures);
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

async fn read(source: ByteStream) -> Result<Bytes, MakePictureError> {
    let all: BytesMut = source.try_collect().await?;
    Ok(all.freeze())
}

#[async_trait]
impl PictureMaker for FakeMaker {
    async fn make(&self, source: ByteStream, _: Purpose) -> Result<MadePicture, MakePictureError> {
        let file = read(source).await?;
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.leave.acquire().await.expect("open").forget();
        if file.ends_with(b"not what it seems") {
            return Err(MakePictureError::Refused("broken"));
        }
        let source_sha256 = hex::encode(Sha256::digest(&file));
        Ok(MadePicture {
            webp: format!("a picture of {source_sha256}").into(),
            width: 400,
            height: 400,
            blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj".to_owned(),
            perceptual_hash: 7,
            source_sha256,
            preview: Bytes::from_static(b"a preview"),
        })
    }

    async fn preview(&self, webp: ByteStream) -> Result<Bytes, MakePictureError> {
        read(webp).await
    }
}
