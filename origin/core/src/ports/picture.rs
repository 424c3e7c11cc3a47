use async_trait::async_trait;
use bytes::Bytes;
use sluicegate_contract::uploads::Purpose;

use super::objects::ByteStream;
use crate::error::PortError;

/// A picture that was made from a client's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadePicture {
    /// WebP, upright, without metadata.
    pub webp: Bytes,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// <https://blurha.sh>
    pub blurhash: String,
    /// dHash, 64 bits.
    pub perceptual_hash: u64,
    /// SHA-256 of the file that was read, in hex.
    pub source_sha256: String,
    /// The same picture as a JPEG of at most 512 pixels a side, for detectors.
    pub preview: Bytes,
}

/// Why no picture was made.
#[derive(Debug, thiserror::Error)]
pub enum MakePictureError {
    /// The file is at fault; a stable word says how: `broken`, `truncated`, `unsupported`, `animated`,
    /// `too_large`, `too_many_pixels`, `digest`, `too_much_memory`, `too_slow`, `crashed`.
    #[error("the picture was refused: {0}")]
    Refused(&'static str),
    /// Reading the file or running the child failed; the file may be fine.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Decodes untrusted files. The adapter that is used in production does so in a child process that
/// can reach neither network nor files.
#[async_trait]
pub trait PictureMaker: Send + Sync {
    /// Makes the rendition for `purpose`. Bounded in memory, CPU and wall time; waits while as many
    /// as allowed run at once. The same file gives the same picture.
    async fn make(
        &self,
        source: ByteStream,
        purpose: Purpose,
    ) -> Result<MadePicture, MakePictureError>;

    /// The detector's JPEG of a picture of ours that was made before.
    async fn preview(&self, webp: ByteStream) -> Result<Bytes, MakePictureError>;
}
