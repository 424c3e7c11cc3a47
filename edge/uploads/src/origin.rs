//! What the origin is asked: a ticket before the body, and to complete the upload after it.

use std::time::Duration;

use sluicegate_contract::headers::{HEAD_SHA256, IDEMPOTENCY_KEY};
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::limits;
use sluicegate_contract::problem::{Problem, ProblemType};
use sluicegate_contract::uploads::{StoredUpload, Ticket, TicketRequest};
use sluicegate_guest::origin::{Call, Called, call};
use sluicegate_guest::wasi::pause;
use sluicegate_guest::{Answer, Instance, log};
use sluicegate_policy::headers::{HeaderList, quotas, set, values};
use sluicegate_policy::refusal::Refusal;
use sluicegate_policy::trace::Trace;

use crate::upload::Stop;

const TICKET_TIME: Duration = Duration::from_secs(15);
/// The client waits for its answer meanwhile.
const GIVE_BACK_TIME: Duration = Duration::from_secs(5);
/// `complete` can be repeated, and by then the body is stored: worth more than one try.
const COMPLETE_TRIES: u32 = 3;
const COMPLETE_PAUSE: Duration = Duration::from_millis(300);

/// In whose name the origin is asked.
pub(crate) struct Client<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) headers: &'a HeaderList,
    pub(crate) trace: &'a Trace,
    pub(crate) address: Option<String>,
}

/// Leave to store one object.
pub(crate) enum Leave {
    /// And what is left of the client's quotas with it.
    Given(Box<Ticket>, HeaderList),
    /// The client's key stands for this upload, whose file is stored.
    StoredBefore(UploadId),
}

impl Client<'_> {
    async fn ask(
        &self,
        method: &str,
        target: &str,
        body: Option<Vec<u8>>,
        time: Duration,
    ) -> Result<Called, Refusal> {
        self.send(Call {
            method,
            target,
            headers: self.handed_on(),
            body,
            limit: limits::JSON_BODY,
            time,
        })
        .await
    }

    /// Who asks, and what for.
    fn handed_on(&self) -> HeaderList {
        ["authorization", IDEMPOTENCY_KEY]
            .into_iter()
            .flat_map(|name| values(self.headers, name).map(move |value| (name, value)))
            .map(|(name, value)| (name.to_owned(), value.to_vec()))
            .collect()
    }

    async fn send(&self, ask: Call<'_>) -> Result<Called, Refusal> {
        call(self.instance, self.trace, self.address.as_deref(), ask).await
    }
}

/// Asks for leave to store one object, whose beginning has this digest.
pub(crate) async fn ticket(
    client: &Client<'_>,
    wanted: &TicketRequest,
    head_sha256: Option<String>,
) -> Result<Leave, Stop> {
    let unreadable = |error: serde_json::Error| {
        log(
            &client.trace.request_id,
            &format!("the ticket cannot be read: {error}"),
        );
        Refusal::new(ProblemType::BadGateway, "The origin answered wrongly.")
    };
    let body = serde_json::to_vec(wanted).map_err(unreadable)?;
    let mut headers = client.handed_on();
    if let Some(sha256) = head_sha256 {
        set(&mut headers, HEAD_SHA256, sha256);
    }
    let ask = Call {
        method: "POST",
        target: "/edge/v1/upload-tickets",
        headers,
        body: Some(body),
        limit: limits::JSON_BODY,
        time: TICKET_TIME,
    };
    let called = client.send(ask).await?;
    match called.status {
        201 => {
            let ticket = serde_json::from_slice(&called.body).map_err(unreadable)?;
            Ok(Leave::Given(ticket, quotas(&called.headers)))
        }
        200 => {
            let stored: StoredUpload = serde_json::from_slice(&called.body).map_err(unreadable)?;
            Ok(Leave::StoredBefore(stored.id))
        }
        _ => Err(Stop::Answered(called.hand_on(&client.trace.request_id))),
    }
}

/// Tells the origin that nothing will come of a ticket, so that it no longer counts. If that fails, the
/// ticket runs out by itself.
pub(crate) async fn give_back(client: &Client<'_>, id: UploadId) {
    let target = format!("/v1/uploads/{id}");
    if let Err(refusal) = client.ask("DELETE", &target, None, GIVE_BACK_TIME).await {
        let status = refusal.status();
        log(
            &client.trace.request_id,
            &format!("a ticket could not be given back: {status}"),
        );
    }
}

/// Tells the origin that the object is there; its answer is the client's.
pub(crate) async fn complete(client: &Client<'_>, id: UploadId) -> Result<Answer, Stop> {
    let target = format!("/v1/uploads/{id}/complete");
    let mut tried = 1;
    loop {
        match client
            .ask("POST", &target, None, limits::API_REQUEST_TIME)
            .await
        {
            Ok(called) => return Ok(completed(called, id).hand_on(&client.trace.request_id)),
            Err(refusal) if refusal.status() != 502 || tried == COMPLETE_TRIES => {
                return Err(refusal.with("upload_id", id.to_string()).into());
            }
            Err(_) => {
                pause(COMPLETE_PAUSE * tried).await;
                tried += 1;
            }
        }
    }
}

/// That another call came first, ours whose answer was lost or a repeat's, is no news for the client: it gets
/// what the first one got. A refusal says which upload it is: what is stored can be completed later.
fn completed(mut called: Called, id: UploadId) -> Called {
    if called.status == 200 {
        called.status = 201;
        set(&mut called.headers, "location", format!("/v1/uploads/{id}"));
    } else if called.status >= 400
        && let Ok(problem) = serde_json::from_slice::<Problem>(&called.body)
    {
        let problem = problem.with("upload_id", id.to_string());
        called.body = serde_json::to_vec(&problem).unwrap_or(called.body);
    }
    called
}
