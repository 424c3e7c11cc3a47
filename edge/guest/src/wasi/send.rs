//! Requests of ours, to origin and store.

use std::time::Duration;

use sluicegate_policy::headers::HeaderList;
use sluicegate_policy::peer::Failure;
use sluicegate_policy::url::HttpUrl;
use spin_sdk::wasip3::http::client;
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Request, RequestOptions, Response, Scheme};

use super::clock::time_limit;
use super::request::method_of;
use super::stream::{Source, nothing, pipe, taken};
use crate::Body;

/// How long a peer may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// To take the connection; a wish that a host may not support.
    pub connect: Duration,
    /// From now until the head of the answer.
    pub head: Duration,
}

/// A request of ours.
pub struct Outgoing<'a> {
    /// In upper case.
    pub method: &'a str,
    /// Where to.
    pub url: &'a HttpUrl,
    /// Complete, but for what belongs to the connection.
    pub headers: HeaderList,
    /// What follows.
    pub body: OutgoingBody,
    /// How long it may take.
    pub limits: Limits,
}

/// What a request of ours carries.
pub enum OutgoingBody {
    /// Nothing.
    Empty,
    /// Bytes that are here.
    Bytes(Vec<u8>),
    /// A body that is handed on unread, or written elsewhere.
    Stream(Source),
}

/// A peer's answer.
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// As they came, but for what belongs to the connection.
    pub headers: HeaderList,
    /// Unread.
    pub body: Body,
}

/// Sends a request and waits for the head of the answer. The body is taken from its stream meanwhile,
/// so whoever writes that must be polled beside this.
pub async fn send(outgoing: Outgoing<'_>) -> Result<Reply, Failure> {
    let limits = outgoing.limits;
    let (request, timed) = build(outgoing)?;
    let answered = if timed {
        client::send(request).await
    } else {
        time_limit(limits.head, client::send(request))
            .await
            .map_err(|_| Failure::TimedOut)?
    };
    let response = answered.map_err(|error| failure(&error))?;
    let status = response.get_status_code();
    let headers = response.get_headers().copy_all();
    let (done, take) = taken();
    let (stream, ending) = Response::consume_body(response, take);
    Ok(Reply {
        status,
        headers,
        body: Body::new(Source::new(stream, ending, Some(done)), false),
    })
}

/// The request, and whether the host sees to the time of its answer: a timer in here costs more calls of the host's.
fn build(outgoing: Outgoing<'_>) -> Result<(Request, bool), Failure> {
    let Outgoing {
        method,
        url,
        headers,
        body,
        limits,
    } = outgoing;
    let headers = Fields::from_list(&headers).map_err(|_| Failure::Broken)?;
    let (stream, ending) = match body {
        OutgoingBody::Empty => (None, nothing()),
        OutgoingBody::Stream(source) => source.into_parts(),
        OutgoingBody::Bytes(bytes) => {
            let (mut sink, source) = pipe();
            super::spawn(async move {
                if sink.write(bytes).await.is_ok() {
                    sink.finish().await;
                }
            });
            source.into_parts()
        }
    };
    let options = RequestOptions::new();
    let _ = options.set_connect_timeout(Some(nanoseconds(limits.connect)));
    let timed = options
        .set_first_byte_timeout(Some(nanoseconds(limits.head)))
        .is_ok();
    let (request, _sent) = Request::new(headers, stream, ending, Some(options));
    let scheme = if url.secure {
        Scheme::Https
    } else {
        Scheme::Http
    };
    request
        .set_method(&method_of(method))
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(Some(&url.authority)))
        .and_then(|()| request.set_path_with_query(Some(&url.path_and_query)))
        .map_err(|()| Failure::Broken)?;
    Ok((request, timed))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn failure(error: &ErrorCode) -> Failure {
    match error {
        ErrorCode::DnsTimeout
        | ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused => Failure::Unreachable,
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Failure::TimedOut,
        ErrorCode::ConnectionLimitReached => Failure::Busy,
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Failure::Denied,
        _ => Failure::Broken,
    }
}
