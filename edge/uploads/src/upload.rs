//! One upload from its first header to its answer.

use std::rc::Rc;
use std::time::Duration;

use sluicegate_contract::limits;
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::uploads::{Purpose, TicketRequest};
use sluicegate_guest::wasi::time_limit;
use sluicegate_guest::{Admission, Answer, Body, Drain, Incoming, Instance, authenticate};
use sluicegate_policy::admission::{self, Shape};
use sluicegate_policy::multipart::Form;
use sluicegate_policy::path::Target;
use sluicegate_policy::refusal::Refusal;

use crate::inspect::inspect;
use crate::origin::{Client, Leave, complete, give_back, ticket};
use crate::payload::{Cut, Payload};
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
    let admitted = admit(client, method, target).await?;
    let mut file = Payload::new(body, admitted.form, admitted.body_length);
    let limit = client.instance.settings.picture_limit;
    let (head, total) = head(&mut file, limit).await?;
    let wanted = TicketRequest {
        purpose: admission::one_purpose(admitted.purpose, file.form().and_then(Form::purpose))?,
        content_length: total,
        sha256: admitted.sha256,
    };
    admission::inspected(inspect(inspected(&head), total))?;
    let head_sha256 = admitted
        .named
        .then(|| admission::head_sha256(inspected(&head)));
    let (ticket, quotas) = match ticket(client, &wanted, head_sha256).await? {
        Leave::Given(ticket, quotas) => (ticket, quotas),
        // As the body is not read: to be drained, as after a refusal.
        Leave::StoredBefore(id) => return Err(Stop::Answered(complete(client, id).await?)),
    };
    let digest = wanted.sha256.is_some();
    if let Err(refusal) = put(&ticket.put, head, &mut file, total, digest, client.trace).await {
        give_back(client, ticket.id).await;
        return Err(refusal.into());
    }
    let mut answer = complete(client, ticket.id).await?;
    answer.headers.extend(quotas);
    Ok(answer)
}

/// What is known of an upload before its body is read.
struct Admitted {
    purpose: Option<Purpose>,
    form: Option<Form>,
    body_length: u64,
    sha256: Option<String>,
    /// Whether it has an `Idempotency-Key`.
    named: bool,
}

/// All that can be said without reading the body.
async fn admit(client: &Client<'_>, method: &str, target: &str) -> Result<Admitted, Refusal> {
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
    // It goes on as it came, in the request for the ticket.
    let named = admission::idempotency_key(client.headers)?.is_some();
    let purpose = admission::purpose(query)?;
    let shape = admission::shape(client.headers)?;
    if let Shape::Raw = shape {
        admission::one_purpose(purpose, None)?;
    }
    let limit = client.instance.settings.picture_limit;
    let body_length = admission::body_length(client.headers, &shape, limit)?;
    let sha256 = admission::file_digest(client.headers, &shape)?;
    let form = match shape {
        Shape::Raw => None,
        Shape::Form(boundary) => Some(Form::new(*boundary, body_length)),
    };
    Ok(Admitted {
        purpose,
        form,
        body_length,
        sha256,
        named,
    })
}

/// The beginning of the file, as much as is inspected or all of it, and the file's length.
async fn head(file: &mut Payload<'_>, limit: u64) -> Result<(Vec<u8>, u64), Refusal> {
    let enough = match file.file_length() {
        Some(total) => inspected_length(total),
        None => limits::INSPECTED_HEAD,
    };
    let head = time_limit(HEAD_TIME, file.head(enough))
        .await
        .map_err(|_| {
            Refusal::new(
                ProblemType::RequestTimeout,
                "The beginning of the body took too long.",
            )
        })??;
    let total = file.file_length().ok_or(Cut::Short)?;
    admission::file_length(total, limit)?;
    if head.len() < inspected_length(total) {
        return Err(Cut::Short.into());
    }
    Ok((head, total))
}

fn inspected_length(total: u64) -> usize {
    usize::try_from(total)
        .unwrap_or(usize::MAX)
        .min(limits::INSPECTED_HEAD)
}

fn inspected(head: &[u8]) -> &[u8] {
    head.get(..limits::INSPECTED_HEAD).unwrap_or(head)
}
