//! What parent and child say to each other. Request: the recipe's name, a line feed, the file until end
//! of input. Answer: one line of JSON, then the bytes whose lengths it names.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use sluicegate_contract::limits;
use sluicegate_contract::uploads::Purpose;

/// The longest first line, in bytes.
pub(crate) const LINE_BYTES: usize = 1024;
/// The largest answer, and the largest picture of ours that is read again, in bytes.
pub(crate) const ANSWER_BYTES: u64 = 32 * 1024 * 1024;

/// What is wanted of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recipe {
    /// The rendition for a purpose, and its preview.
    Rendition(Purpose),
    /// The preview alone, of a picture that was made before.
    Preview,
}

impl Recipe {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rendition(purpose) => purpose.as_str(),
            Self::Preview => "preview",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        if name == Self::Preview.name() {
            return Some(Self::Preview);
        }
        Purpose::parse(name).map(Self::Rendition)
    }

    /// The largest file that is read for it, in bytes.
    pub(crate) fn source_bytes(self) -> u64 {
        match self {
            Self::Rendition(_) => limits::PICTURE_BYTES,
            Self::Preview => ANSWER_BYTES,
        }
    }
}

/// Why a file is at fault; see `sluicegate_core::ports::MakePictureError::Refused`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Refusal {
    Broken,
    Truncated,
    Unsupported,
    Animated,
    TooManyPixels,
    TooMuchMemory,
    TooLarge,
    TooSlow,
    Crashed,
}

impl Refusal {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Truncated => "truncated",
            Self::Unsupported => "unsupported",
            Self::Animated => "animated",
            Self::TooManyPixels => "too_many_pixels",
            Self::TooMuchMemory => "too_much_memory",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Crashed => "crashed",
        }
    }
}

/// The first line of an answer.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Made {
        width: u32,
        height: u32,
        blurhash: String,
        perceptual_hash: u64,
        /// Bytes of the WebP; empty for a preview.
        webp: usize,
        /// Bytes of the JPEG, which follows the WebP.
        preview: usize,
    },
    Refused(Refusal),
    /// The child could not lock itself down, or was started wrongly: no file is at fault.
    Unfit(String),
}

/// Writes an answer and what it names.
pub(crate) fn write_answer(
    out: &mut impl Write,
    answer: &Answer,
    parts: &[&[u8]],
) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    out.write_all(&line)?;
    for part in parts {
        out.write_all(part)?;
    }
    out.flush()
}

/// The first line of a message and what follows it; `None` if it has no line of acceptable length.
pub(crate) fn split_line(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = message
        .iter()
        .take(LINE_BYTES)
        .position(|byte| *byte == b'\n')?;
    let (line, rest) = message.split_at_checked(end)?;
    Some((line, rest.get(1..)?))
}
