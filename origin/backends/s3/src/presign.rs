//! Presigned URLs. Nothing here asks the store.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{PresignedGet, PresignedPut, PutGrant};

use crate::errors::{SERVICE, port_error};

const CONTENT_TYPE: &str = "application/octet-stream";

/// Signatures know whole seconds: `now` and `lifetime` are rounded down.
fn config(now: Timestamp, lifetime: Duration) -> Result<(PresigningConfig, Timestamp), PortError> {
    let lifetime = Duration::from_secs(lifetime.as_secs().max(1));
    let start = Timestamp::from_unix_ms(now.unix_seconds().saturating_mul(1_000)).unwrap_or(now);
    let config = PresigningConfig::builder()
        .start_time(SystemTime::from(start.into_inner()))
        .expires_in(lifetime)
        .build()
        .map_err(|error| PortError::failed(SERVICE, error))?;
    Ok((config, start.plus(lifetime)))
}

pub(crate) async fn put(
    client: &Client,
    bucket: &str,
    grant: &PutGrant<'_>,
    now: Timestamp,
) -> Result<PresignedPut, PortError> {
    let (config, expires_at) = config(now, grant.lifetime)?;
    let length = i64::try_from(grant.length).map_err(|error| PortError::failed(SERVICE, error))?;
    let request = client
        .put_object()
        .bucket(bucket)
        .key(grant.key)
        .content_length(length)
        .content_type(CONTENT_TYPE)
        .if_none_match("*")
        .set_checksum_sha256(grant.sha256.map(|digest| STANDARD.encode(digest)))
        .presigned(config)
        .await
        .map_err(port_error)?;
    let headers = request.headers();
    Ok(PresignedPut {
        url: request.uri().to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        expires_at,
    })
}

pub(crate) async fn get(
    client: &Client,
    bucket: &str,
    key: &str,
    lifetime: Duration,
    now: Timestamp,
) -> Result<PresignedGet, PortError> {
    let (config, expires_at) = config(now, lifetime)?;
    let request = client
        .get_object()
        .bucket(bucket)
        .key(key)
        .presigned(config)
        .await
        .map_err(port_error)?;
    if request.headers().next().is_some() {
        return Err(PortError::failed(
            SERVICE,
            "a presigned GET must not need headers",
        ));
    }
    Ok(PresignedGet {
        url: request.uri().to_owned(),
        expires_at,
    })
}
