//! The body of a PUT: to the disk, in constant memory, and checked against all that was promised.

use futures_util::StreamExt;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto::{Checksum, PutObjectInput, StreamingBlob};
use s3s::{S3Result, TrailingHeaders, s3_error};
use tokio::io::AsyncWriteExt;

use super::body::Silent;
use super::store::disk;

/// S3's own limit of one PUT.
const OBJECT_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// What a client says of the bytes it sends.
#[derive(Debug, Default)]
pub(super) struct Promise {
    pub(super) length: u64,
    /// Base64.
    pub(super) md5: Option<String>,
    pub(super) checksums: Checksum,
    /// The checksum that comes after the body: its algorithm, from `x-amz-trailer`.
    pub(super) trailer: Option<String>,
}

/// What the bytes were.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) length: u64,
    /// MD5 in hex.
    pub(super) etag: String,
    pub(super) checksums: Checksum,
}

impl Promise {
    pub(super) fn of(input: &PutObjectInput, headers: &hyper::HeaderMap) -> S3Result<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let length = match text("x-amz-decoded-content-length") {
            Some(decoded) => decoded.parse().ok(),
            None => input
                .content_length
                .and_then(|length| u64::try_from(length).ok()),
        }
        .ok_or_else(|| s3_error!(MissingContentLength))?;
        if length > OBJECT_BYTES {
            return Err(s3_error!(EntityTooLarge));
        }
        Ok(Self {
            length,
            md5: input.content_md5.clone(),
            checksums: Checksum {
                checksum_crc32: input.checksum_crc32.clone(),
                checksum_crc32c: input.checksum_crc32c.clone(),
                checksum_crc64nvme: input.checksum_crc64nvme.clone(),
                checksum_sha1: input.checksum_sha1.clone(),
                checksum_sha256: input.checksum_sha256.clone(),
                checksum_type: None,
            },
            trailer: text("x-amz-trailer").map(str::to_ascii_lowercase),
        })
    }

    fn hasher(&self) -> ChecksumHasher {
        let wants = |given: &Option<String>, name| {
            given.is_some()
                || self
                    .trailer
                    .as_deref()
                    .is_some_and(|trailer| trailer.contains(name))
        };
        let given = &self.checksums;
        ChecksumHasher {
            crc32: wants(&given.checksum_crc32, "x-amz-checksum-crc32").then(Crc32::new),
            crc32c: wants(&given.checksum_crc32c, "x-amz-checksum-crc32c").then(Crc32c::new),
            sha1: wants(&given.checksum_sha1, "x-amz-checksum-sha1").then(Sha1::new),
            sha256: wants(&given.checksum_sha256, "x-amz-checksum-sha256").then(Sha256::new),
            crc64nvme: wants(&given.checksum_crc64nvme, "x-amz-checksum-crc64nvme")
                .then(Crc64Nvme::new),
        }
    }

    fn check(
        &self,
        received: &Received,
        md5: &str,
        trailer: Option<&hyper::HeaderMap>,
    ) -> S3Result<()> {
        if received.length != self.length {
            return Err(s3_error!(IncompleteBody));
        }
        if self.md5.as_deref().is_some_and(|promised| promised != md5) {
            return Err(s3_error!(
                BadDigest,
                "the content does not have the MD5 it was sent with"
            ));
        }
        let after = |name: &str| {
            trailer
                .and_then(|map| map.get(name))
                .and_then(|v| v.to_str().ok())
        };
        let (was, said) = (&received.checksums, &self.checksums);
        let pairs = [
            (
                "x-amz-checksum-crc32",
                &was.checksum_crc32,
                &said.checksum_crc32,
            ),
            (
                "x-amz-checksum-crc32c",
                &was.checksum_crc32c,
                &said.checksum_crc32c,
            ),
            (
                "x-amz-checksum-crc64nvme",
                &was.checksum_crc64nvme,
                &said.checksum_crc64nvme,
            ),
            (
                "x-amz-checksum-sha1",
                &was.checksum_sha1,
                &said.checksum_sha1,
            ),
            (
                "x-amz-checksum-sha256",
                &was.checksum_sha256,
                &said.checksum_sha256,
            ),
        ];
        for (name, was, said) in pairs {
            let promised = said.as_deref().or_else(|| after(name));
            if promised.is_some_and(|promised| Some(promised) != was.as_deref()) {
                return Err(s3_error!(BadDigest, "the content does not have its {name}"));
            }
        }
        Ok(())
    }
}

/// Writes the body to `file` and says what it was; an error if it is not what was promised.
pub(super) async fn receive(
    body: Option<StreamingBlob>,
    promise: &Promise,
    trailing: Option<&TrailingHeaders>,
    file: &mut tokio::fs::File,
) -> S3Result<Received> {
    let mut hasher = promise.hasher();
    let mut md5 = Md5::new();
    let mut length = 0_u64;
    if let Some(mut body) = body {
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| {
                if is_silence(error.as_ref()) {
                    s3_error!(RequestTimeout, "the body stopped coming")
                } else {
                    s3_error!(IncompleteBody, "{error}")
                }
            })?;
            length = length.saturating_add(piece.len() as u64);
            if length > promise.length {
                return Err(s3_error!(
                    IncompleteBody,
                    "the body is longer than announced"
                ));
            }
            md5.update(&piece);
            hasher.update(&piece);
            file.write_all(&piece).await.map_err(disk)?;
        }
    }
    file.flush().await.map_err(disk)?;
    let digest = md5.finalize();
    let received = Received {
        length,
        etag: hex::encode(digest),
        checksums: hasher.finalize(),
    };
    let trailer = trailing.and_then(TrailingHeaders::take);
    promise.check(&received, &base64(&digest), trailer.as_ref())?;
    Ok(received)
}

/// The library may have wrapped it.
fn is_silence(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .any(<dyn std::error::Error + 'static>::is::<Silent>)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
