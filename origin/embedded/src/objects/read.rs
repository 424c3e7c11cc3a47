//! GET and HEAD: conditions, ranges, and the bytes as a stream.

use std::ops::Range;

use hyper::HeaderMap;
use hyper::header::{ETAG, HeaderValue};
use s3s::dto::{
    ETag, ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    Metadata, StreamingBlob, Timestamp,
};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::attributes::{Attributes, Opened};
use super::store::{Store, internal};

const PIECE_BYTES: usize = 64 * 1024;

pub(super) fn etag(attributes: &Attributes) -> ETag {
    ETag::Strong(attributes.etag.clone())
}

/// 412 if the object is not the one that is asked for, 304 if it is the one that is there already.
pub(super) fn check(
    attributes: &Attributes,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    let is = |condition: &ETagCondition| match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(tag) => tag.value() == attributes.etag,
    };
    if if_match.is_some_and(|condition| !is(condition)) {
        return Err(s3_error!(PreconditionFailed));
    }
    if if_none_match.is_some_and(is) {
        return Err(not_modified(attributes));
    }
    Ok(())
}

/// The library leaves out the tag, which a 304 must have.
fn not_modified(attributes: &Attributes) -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    let mut headers = HeaderMap::new();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", attributes.etag)) {
        headers.insert(ETAG, tag);
    }
    error.set_headers(headers);
    error
}

fn wanted(attributes: &Attributes, range: Option<s3s::dto::Range>) -> S3Result<Range<u64>> {
    range.map_or(Ok(0..attributes.length), |range| {
        range.check(attributes.length).map_err(|_| {
            let mut error = s3_error!(InvalidRange);
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_str(&format!("bytes */{}", attributes.length)) {
                headers.insert(hyper::header::CONTENT_RANGE, value);
            }
            error.set_headers(headers);
            error
        })
    })
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn metadata(attributes: &Attributes) -> Option<Metadata> {
    let map = &attributes.headers.metadata;
    (!map.is_empty()).then(|| map.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
}

pub(super) async fn get(store: &Store, input: GetObjectInput) -> S3Result<GetObjectOutput> {
    refuse_versions(input.version_id.as_deref(), input.part_number)?;
    let Opened {
        file,
        attributes,
        modified,
    } = store.read(&input.bucket, &input.key).await?;
    check(
        &attributes,
        input.if_match.as_ref(),
        input.if_none_match.as_ref(),
    )?;
    let is_part = input.range.is_some();
    let range = wanted(&attributes, input.range)?;
    let length = range.end - range.start;
    let mut file = tokio::fs::File::from_std(file);
    file.seek(std::io::SeekFrom::Start(range.start))
        .await
        .map_err(internal)?;
    let stream = ReaderStream::with_capacity(file.take(length), PIECE_BYTES);
    let headers = attributes.headers.clone();
    Ok(GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        body: Some(StreamingBlob::wrap(stream)),
        content_length: Some(signed(length)),
        content_range: is_part.then(|| {
            let last = range.end.saturating_sub(1);
            format!("bytes {}-{last}/{}", range.start, attributes.length)
        }),
        checksum_sha256: attributes.sha256.clone().filter(|_| !is_part),
        e_tag: Some(etag(&attributes)),
        last_modified: Some(Timestamp::from(modified)),
        metadata: metadata(&attributes),
        content_type: headers.content_type,
        content_disposition: headers.content_disposition,
        content_encoding: headers.content_encoding,
        content_language: headers.content_language,
        cache_control: headers.cache_control,
        ..GetObjectOutput::default()
    })
}

pub(super) async fn head(store: &Store, input: HeadObjectInput) -> S3Result<HeadObjectOutput> {
    refuse_versions(input.version_id.as_deref(), input.part_number)?;
    let Opened {
        attributes,
        modified,
        ..
    } = store.read(&input.bucket, &input.key).await?;
    check(
        &attributes,
        input.if_match.as_ref(),
        input.if_none_match.as_ref(),
    )?;
    let headers = attributes.headers.clone();
    Ok(HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(signed(attributes.length)),
        checksum_sha256: attributes.sha256.clone(),
        e_tag: Some(etag(&attributes)),
        last_modified: Some(Timestamp::from(modified)),
        metadata: metadata(&attributes),
        content_type: headers.content_type,
        content_disposition: headers.content_disposition,
        content_encoding: headers.content_encoding,
        content_language: headers.content_language,
        cache_control: headers.cache_control,
        ..HeadObjectOutput::default()
    })
}

fn refuse_versions(version: Option<&str>, part: Option<i32>) -> S3Result<()> {
    if version.is_some_and(|version| version != "null") || part.is_some() {
        return Err(s3_error!(
            NotImplemented,
            "there are no versions and parts here"
        ));
    }
    Ok(())
}
