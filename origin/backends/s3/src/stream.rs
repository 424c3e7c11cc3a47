//! The bytes of an object, with a bound on every silence.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream as SdkStream;
use bytes::{Bytes, BytesMut};
use futures_util::stream::try_unfold;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::ByteStream;
use tokio::time::timeout;

use crate::errors::SERVICE;

const SILENCE: Duration = Duration::from_secs(30);

async fn next(body: &mut SdkStream) -> Result<Option<Bytes>, PortError> {
    match timeout(SILENCE, body.next()).await {
        Ok(piece) => piece
            .transpose()
            .map_err(|error| PortError::unavailable(SERVICE, error)),
        Err(elapsed) => Err(PortError::unavailable(SERVICE, elapsed)),
    }
}

pub(crate) fn stream(body: SdkStream) -> ByteStream {
    Box::pin(try_unfold(body, |mut body| async move {
        Ok(next(&mut body).await?.map(|piece| (piece, body)))
    }))
}

/// The first `limit` bytes; what follows is not read.
pub(crate) async fn start(mut body: SdkStream, limit: usize) -> Result<Bytes, PortError> {
    let mut start = BytesMut::new();
    while start.len() < limit {
        let Some(piece) = next(&mut body).await? else {
            break;
        };
        start.extend_from_slice(piece.get(..limit - start.len()).unwrap_or(&piece));
    }
    Ok(start.freeze())
}
