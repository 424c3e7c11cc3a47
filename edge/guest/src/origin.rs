//! Short exchanges with the origin, in the edge's own name or a client's.

use std::time::Duration;

use sluicegate_policy::headers::{HeaderList, Introduction, introduce, outward, set};
use sluicegate_policy::peer::{Failure, Peer, failed};
use sluicegate_policy::refusal::Refusal;
use sluicegate_policy::trace::Trace;

use crate::Answer;
use crate::body::BodyError;
use crate::instance::Instance;
use crate::wasi::{Limits, Outgoing, OutgoingBody, send, time_limit};

/// How long a peer may take to accept a connection.
pub const CONNECT_TIME: Duration = Duration::from_secs(5);

/// A request to the origin whose answer is read whole.
pub struct Call<'a> {
    /// In upper case.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Beside what the edge says of itself.
    pub headers: HeaderList,
    /// JSON.
    pub body: Option<Vec<u8>>,
    /// The longest answer, in bytes.
    pub limit: usize,
    /// For all of it.
    pub time: Duration,
}

/// The origin's answer.
pub struct Called {
    /// The HTTP status.
    pub status: u16,
    /// As they came.
    pub headers: HeaderList,
    /// All of it.
    pub body: Vec<u8>,
}

impl Called {
    /// The client's answer: the same, without what is internal.
    pub fn hand_on(self, request_id: &str) -> Answer {
        let mut headers = outward(&self.headers, request_id);
        set(&mut headers, "content-length", self.body.len().to_string());
        Answer::bytes(self.status, headers, self.body)
    }
}

/// Asks the origin. What it answers is an answer, whatever its status; no answer is a refusal.
pub async fn call(
    instance: &Instance,
    trace: &Trace,
    client_address: Option<&str>,
    call: Call<'_>,
) -> Result<Called, Refusal> {
    let Call {
        method,
        target,
        mut headers,
        body,
        limit,
        time,
    } = call;
    let edge_key = instance.settings.edge_key.as_deref();
    introduce(
        &mut headers,
        Introduction {
            trace,
            edge_key,
            client_address,
        },
    );
    set(&mut headers, "accept", "application/json");
    let body = match body {
        Some(bytes) => {
            set(&mut headers, "content-type", "application/json");
            set(&mut headers, "content-length", bytes.len().to_string());
            OutgoingBody::Bytes(bytes)
        }
        // Without it a POST may go out in chunks of nothing.
        None if matches!(method, "POST" | "DELETE") => {
            set(&mut headers, "content-length", "0");
            OutgoingBody::Empty
        }
        None => OutgoingBody::Empty,
    };
    let url = instance.settings.origin.join(target);
    let limits = Limits {
        connect: CONNECT_TIME,
        head: time,
    };
    let exchange = async {
        let reply = send(Outgoing {
            method,
            url: &url,
            headers,
            body,
            limits,
        })
        .await?;
        let body = reply
            .body
            .collect(limit)
            .await
            .map_err(|error| match error {
                BodyError::TooLong | BodyError::Cut => Failure::Broken,
            })?;
        Ok(Called {
            status: reply.status,
            headers: reply.headers,
            body,
        })
    };
    let done = time_limit(time, exchange)
        .await
        .unwrap_or(Err(Failure::TimedOut));
    done.map_err(|failure| failed(Peer::Origin, failure))
}
