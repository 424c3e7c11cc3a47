//! One upload from its first header to its answer.

use std::rc::Rc;
use std::time::Duration;

use sluicegate_contract::limits;
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::uploads::TicketRequest;
use sluicegate_guest::wasi::time_limit;
use sluicegate_guest::{Admission, Answer, Body, Drain, Incoming, Instance, authenticate};
use sluicegate_policy::admission;
use sluicegate_policy::path::Target;
use sluicegate_policy::refusal::Refusal;

use crate::inspect::inspect;
use crate::origin::{Client, complete, give_back, ticket};
use crate::store::put;

/// How long the first 64 KiB may take.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// Why an upload ends without a picture.
pub(crate) enum Stop {
    /// Our own refusal.
    Refused(Refusal),
    /// The origin's answer, handed on.
    Answered(Answer),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Answers a request of any method; only `POST` is an upload.
pub(crate) async fn take(request: Incoming, instance: Rc<Instance>) -> Answer {
    let address = request.client_address();
    let Incoming {
        method,
        target,
        headers,
        mut body,
        trace,
    } = request;
    let client = Client {
        instance: &instance,
        headers: &headers,
        trace: &trace,
        address,
    };
    match run(&client, &method, &target, &mut body).await {
        Ok(answer) => answer,
        Err(stop) => {
            body.drain(Drain::SHORT);
            match stop {
                Stop::Refused(refusal) => Answer::refusal(refusal, &trace.request_id),
                Stop::Answered(answer) => answer,
            }
        }
    }
}

async fn run(
    client: &Client<'_>,
    method: &str,
    target: &str,
    body: &mut Body,
) -> Result<Answer, Stop> {
    let wanted = admit(client, method, target).await?;
    let total = wanted.content_length;
    let digest = wanted.sha256.is_some();
    let head = head(body, total).await?;
    admission::inspected(inspect(&head, total))?;
    let (ticket, quotas) = ticket(client, &wanted).await?;
    if let Err(refusal) = put(&ticket.put, head, body, total, digest).await {
        give_back(client, ticket.id).await;
        return Err(refusal.into());
    }
    let mut answer = complete(client, ticket.id).await?;
    answer.headers.extend(quotas);
    Ok(answer)
}

/// All that can be said without reading the body.
async fn admit(client: &Client<'_>, method: &str, target: &str) -> Result<TicketRequest, Refusal> {
    let Ok(Target {
        path: "/v1/uploads",
        query,
    }) = Target::parse(target)
    else {
        return Err(Refusal::not_found());
    };
    if method != "POST" {
        return Err(Refusal::wrong_method("POST"));
    }
    match authenticate(client.instance, client.headers, client.trace).await? {
        Admission::Caller(_) => {}
        Admission::Anonymous => return Err(Refusal::token_missing()),
    }
    let purpose = admission::purpose(query)?;
    admission::media_type(client.headers)?;
    let content_length = admission::length(client.headers)?;
    let sha256 = admission::digest(client.headers)?;
    Ok(TicketRequest {
        purpose,
        content_length,
        sha256,
    })
}

/// The first bytes: as many as are inspected, or the whole body.
async fn head(body: &mut Body, total: u64) -> Result<Vec<u8>, Refusal> {
    let wanted = usize::try_from(total)
        .unwrap_or(usize::MAX)
        .min(limits::INSPECTED_HEAD);
    let head = time_limit(HEAD_TIME, body.head(wanted))
        .await
        .map_err(|_| {
            Refusal::new(
                ProblemType::RequestTimeout,
                "The beginning of the body took too long.",
            )
        })?;
    if head.len() < wanted {
        return Err(cut_short());
    }
    Ok(head)
}

pub(crate) fn cut_short() -> Refusal {
    Refusal::new(
        ProblemType::InvalidRequest,
        "The body ended before its declared length.",
    )
}
