//! Calls of the API, handed to the origin and back.

use std::time::Duration;

use sluicegate_contract::limits;
use sluicegate_contract::problem::ProblemType;
use sluicegate_guest::origin::CONNECT_TIME;
use sluicegate_guest::wasi::{Limits, Outgoing, OutgoingBody, send};
use sluicegate_guest::{Admission, Answer, Content, Drain, Incoming, Instance, authenticate};
use sluicegate_policy::headers::{HeaderList, Introduction, inward, outward, remove, set, single};
use sluicegate_policy::peer::{Peer, failed};
use sluicegate_policy::refusal::Refusal;
use sluicegate_policy::routes::Access;

/// A little less than the host gives the request: where the host's time runs out, it ends the instance
/// and with it every request in there. Fetching the keys may have taken five seconds of it.
const ORIGIN_TIME: Duration = limits::API_REQUEST_TIME.saturating_sub(Duration::from_secs(8));

pub(crate) async fn forward(
    request: Incoming,
    instance: &Instance,
    access: Access,
) -> Result<Answer, Refusal> {
    if let Err(refusal) = admit(&request, instance, access).await {
        request.body.drain(Drain::SHORT);
        return Err(refusal);
    }
    let address = request.client_address();
    let introduction = Introduction {
        trace: &request.trace,
        edge_key: instance.settings.edge_key.as_deref(),
        client_address: address.as_deref(),
    };
    let mut headers = inward(&request.headers, introduction);
    if access == Access::Anonymous {
        remove(&mut headers, "authorization");
    }
    let (method, request_id) = (request.method, request.trace.request_id);
    let body = if carries_body(&method, &headers) {
        OutgoingBody::Stream(request.body.into_source())
    } else {
        set_length_of_nothing(&method, &mut headers);
        OutgoingBody::Empty
    };
    let url = instance.settings.origin.join(&request.target);
    let limits = Limits {
        connect: CONNECT_TIME,
        head: ORIGIN_TIME,
    };
    let reply = send(Outgoing {
        method: &method,
        url: &url,
        headers,
        body,
        limits,
    })
    .await
    .map_err(|failure| failed(Peer::Origin, failure))?;
    Ok(Answer {
        status: reply.status,
        headers: outward(&reply.headers, &request_id),
        content: Content::Stream(reply.body),
    })
}

async fn admit(request: &Incoming, instance: &Instance, access: Access) -> Result<(), Refusal> {
    if access != Access::Anonymous {
        let admission = authenticate(instance, &request.headers, &request.trace).await?;
        if access == Access::Token && matches!(admission, Admission::Anonymous) {
            return Err(Refusal::token_missing());
        }
    }
    // A body whose length is not declared is cut by the origin, which has the same limit.
    let limit = u64::try_from(limits::JSON_BODY).unwrap_or(u64::MAX);
    let declared = single(&request.headers, "content-length").unwrap_or("0");
    if declared.parse::<u64>().unwrap_or(u64::MAX) > limit {
        let detail = format!("A body may have {limit} bytes.");
        return Err(Refusal::new(ProblemType::TooLarge, &detail).with("limit", limit));
    }
    Ok(())
}

/// Transfer codings are hidden from components, so a POST without a length may still have a body.
fn carries_body(method: &str, headers: &HeaderList) -> bool {
    match single(headers, "content-length") {
        Some("0") => false,
        Some(_) => !matches!(method, "GET" | "HEAD"),
        None => matches!(method, "POST" | "PUT" | "PATCH"),
    }
}

fn set_length_of_nothing(method: &str, headers: &mut HeaderList) {
    remove(headers, "content-length");
    if !matches!(method, "GET" | "HEAD") {
        set(headers, "content-length", "0");
    }
}
