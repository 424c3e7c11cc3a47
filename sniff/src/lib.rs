//! Which picture a file is, told from its beginning by structure, not by its first bytes alone.
//!
//! One implementation for the edge's inspector and for the origin. Nothing is decoded, allocated or
//! read beyond the first 64 KiB: a file that passes here may still turn out broken, animated or more
//! than a picture when it is decoded, and whoever decodes it looks again. Limits on pixels are the
//! caller's business. Start at [`inspect`].

#![no_std]
#![deny(missing_docs)]

mod head;
mod jpeg;
mod png;
mod webp;

use head::{Head, Stop};

/// How much of a file is looked at, in bytes.
pub const HEAD: usize = 64 * 1024;

/// The formats that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Baseline, extended or progressive, 8 bits, Huffman-coded.
    Jpeg,
    /// Any bit depth and colour type of the standard.
    Png,
    /// Lossy, lossless or extended.
    Webp,
}

impl Kind {
    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }
}

/// A file whose beginning is that of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// What the bytes are, whatever name or declared type came with them.
    pub kind: Kind,
    /// Pixels as stored, before any turning. 0 only for a JPEG whose frame header lies beyond
    /// [`HEAD`], behind large metadata: then `height` is 0 too, and only decoding tells.
    pub width: u32,
    /// Pixels as stored; see `width`.
    pub height: u32,
    /// Whether it moves. False too where the sign of it lies beyond [`HEAD`].
    pub animated: bool,
}

/// Why a file is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not one of [`Kind`], or a variant that nobody shows (arithmetic, lossless or 12-bit JPEG).
    Unsupported,
    /// It starts as one of [`Kind`] and then contradicts itself, or ends too early.
    Broken,
}

/// What the beginning of a file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inspection {
    /// A picture, as far as its beginning tells.
    Picture(Picture),
    /// Undecided: call again with more of the file. Never the answer once the head holds
    /// [`HEAD`] bytes or the whole file.
    NeedMore,
    /// Not a picture that we take, whatever follows.
    Refused(Refusal),
}

/// Looks at the first bytes of a file of `total` bytes. Of `head`, only the first [`HEAD`] bytes count.
///
/// The answer for a longer head of the same file is the same, once it is not [`Inspection::NeedMore`].
#[must_use]
pub fn inspect(head: &[u8], total: u64) -> Inspection {
    let head = Head::new(head, total);
    match inspect_head(&head) {
        Ok(picture) => Inspection::Picture(picture),
        Err(Stop::NeedMore) => Inspection::NeedMore,
        Err(Stop::Refused(refusal)) => Inspection::Refused(refusal),
        // Each format answers this by itself where it may meet it.
        Err(Stop::BeyondHead) => Inspection::Refused(Refusal::Broken),
    }
}

fn inspect_head(head: &Head<'_>) -> Result<Picture, Stop> {
    match kind(head)? {
        Kind::Jpeg => jpeg::inspect(head),
        Kind::Png => png::inspect(head),
        Kind::Webp => webp::inspect(head),
    }
}

fn kind(head: &Head<'_>) -> Result<Kind, Stop> {
    let mut undecided = false;
    for (kind, signature) in [
        (Kind::Jpeg, jpeg::SIGNATURE),
        (Kind::Png, png::SIGNATURE),
        (Kind::Webp, webp::SIGNATURE),
    ] {
        match head.starts_with(signature) {
            Some(true) => return Ok(kind),
            Some(false) => {}
            None => undecided = true,
        }
    }
    Err(if undecided {
        Stop::NeedMore
    } else {
        Stop::Refused(Refusal::Unsupported)
    })
}
