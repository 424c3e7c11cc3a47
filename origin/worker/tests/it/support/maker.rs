use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::ports::{ByteStream, MadePicture, MakePictureError, PictureMaker};

/// Makes a text that says what it was made from. A file that says `broken` is.
pub(crate) struct FakeMaker;

async fn read(source: ByteStream) -> Result<Bytes, MakePictureError> {
    let all: BytesMut = source.try_collect().await?;
    Ok(all.freeze())
}

fn preview_of(webp: &[u8]) -> Bytes {
    [b"a preview of ", webp].concat().into()
}

#[async_trait]
impl PictureMaker for FakeMaker {
    async fn make(&self, source: ByteStream, _: Purpose) -> Result<MadePicture, MakePictureError> {
        let file = read(source).await?;
        if file == "broken" {
            return Err(MakePictureError::Refused("broken"));
        }
        let webp = Bytes::from([b"a picture of ", &*file].concat());
        Ok(MadePicture {
            preview: preview_of(&webp),
            webp,
            width: 400,
            height: 400,
            blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj".to_owned(),
            perceptual_hash: 7,
            source_sha256: "ab".repeat(32),
        })
    }

    async fn preview(&self, webp: ByteStream) -> Result<Bytes, MakePictureError> {
        Ok(preview_of(&read(webp).await?))
    }
}
