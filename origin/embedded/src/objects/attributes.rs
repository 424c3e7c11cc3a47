//! What follows the bytes of an object in its file: attributes as JSON, their length (4 bytes, little
//! endian), and eight bytes by which we know our own files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

const MARK: [u8; 8] = *b"SLUICE\x00\x01";
const TAIL_BYTES: u64 = 12;
/// S3 allows 2 KiB of metadata and 8 KiB of headers.
const JSON_BYTES: u64 = 64 * 1024;

/// All we know of an object but its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attributes {
    pub(super) length: u64,
    /// MD5 in hex.
    pub(super) etag: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
    #[serde(flatten)]
    pub(super) headers: Headers,
}

/// What whoever wrote the object said of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Headers {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metadata: BTreeMap<String, String>,
}

/// An object that was opened: it stays readable when another takes its place.
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) attributes: Attributes,
    pub(super) modified: SystemTime,
}

impl Attributes {
    /// The end of the file.
    pub(super) fn to_tail(&self) -> io::Result<Vec<u8>> {
        let mut tail = serde_json::to_vec(self)?;
        let length = u32::try_from(tail.len()).map_err(io::Error::other)?;
        tail.extend(length.to_le_bytes());
        tail.extend(MARK);
        Ok(tail)
    }
}

/// Reads the attributes of an object; afterwards the file stands at its first byte.
pub(super) fn open(mut file: File) -> io::Result<Opened> {
    let about = file.metadata()?;
    let size = about.len();
    let tail_at = size.checked_sub(TAIL_BYTES).ok_or_else(foreign)?;
    let mut length = [0; 4];
    let mut mark = [0; 8];
    file.seek(SeekFrom::Start(tail_at))?;
    file.read_exact(&mut length)?;
    file.read_exact(&mut mark)?;
    let json_bytes = u64::from(u32::from_le_bytes(length));
    let json_at = tail_at.checked_sub(json_bytes).ok_or_else(foreign)?;
    if mark != MARK || json_bytes > JSON_BYTES {
        return Err(foreign());
    }
    file.seek(SeekFrom::Start(json_at))?;
    let mut json = Vec::new();
    (&mut file).take(json_bytes).read_to_end(&mut json)?;
    let attributes: Attributes = serde_json::from_slice(&json)?;
    if attributes.length != json_at {
        return Err(foreign());
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(Opened {
        file,
        attributes,
        modified: about.modified()?,
    })
}

fn foreign() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the file is not an object of ours",
    )
}
