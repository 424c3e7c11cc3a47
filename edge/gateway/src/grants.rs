//! The origin's leave to show a picture, kept for a few seconds.

use std::cell::RefCell;
use std::time::Duration;

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::media::MediaGrant;
use sluicegate_contract::problem::ProblemType;
use sluicegate_guest::origin::{Call, Called, call};
use sluicegate_guest::wasi::{pause, seconds};
use sluicegate_guest::{Answer, Incoming, Instance, log};
use sluicegate_policy::grants::{Grants, Known};
use sluicegate_policy::headers::{HeaderList, set};
use sluicegate_policy::refusal::Refusal;

/// The longest grant, in bytes.
const GRANT_BYTES: usize = 64 * 1024;
/// The origin may have to make the picture first. Beside two tries at the store it must fit into the
/// time that a host gives a request.
const GRANT_TIME: Duration = Duration::from_secs(25);

/// How often a request looks whether the answer is there that another one asked for. Requests of an instance
/// have no other way to wake each other.
const LOOK_EVERY: Duration = Duration::from_millis(10);

thread_local! {
    // A component has no other place for what outlives a request; each instance has its own.
    static GRANTS: RefCell<Grants> = RefCell::default();
}

/// What the origin says of a picture.
pub(crate) enum Grant {
    /// It may be shown; `kept` says whether this was known before.
    Given { grant: Box<MediaGrant>, kept: bool },
    /// It may not, or not now: the client's answer.
    Withheld(Answer),
}

/// Asks the origin, unless its last answer is still good or another request is asking. With a preview token
/// only what is known for everybody counts as known.
pub(crate) async fn grant(
    request: &Incoming,
    instance: &Instance,
    id: UploadId,
    preview: Option<&str>,
) -> Result<Grant, Refusal> {
    if let Some(token) = preview {
        return match with(|grants| grants.given(id, seconds())) {
            Some(grant) => Ok(kept(Box::new(grant))),
            None => ask(request, instance, id, Some(token), GRANT_TIME).await,
        };
    }
    let mut time = GRANT_TIME;
    loop {
        match with(|grants| grants.look(id, seconds())) {
            Known::Given(grant) => return Ok(kept(grant)),
            Known::Refused => return Err(Refusal::not_found()),
            Known::Nothing => {
                let _flight = Flight(id);
                return ask(request, instance, id, None, time).await;
            }
            Known::Asked if time.is_zero() => {
                return Err(Refusal::unavailable("The picture is being made.", 2));
            }
            Known::Asked => {
                pause(LOOK_EVERY).await;
                time = time.saturating_sub(LOOK_EVERY);
            }
        }
    }
}

/// Forgets a grant that turned out to be good no more.
pub(crate) fn forget(id: UploadId) {
    with(|grants| grants.forget(id));
}

/// Tells the others when this request's question has ended, however it did.
struct Flight(UploadId);

impl Drop for Flight {
    fn drop(&mut self) {
        with(|grants| grants.landed(self.0));
    }
}

fn with<T>(work: impl FnOnce(&mut Grants) -> T) -> T {
    GRANTS.with_borrow_mut(work)
}

fn kept(grant: Box<MediaGrant>) -> Grant {
    Grant::Given { grant, kept: true }
}

async fn ask(
    request: &Incoming,
    instance: &Instance,
    id: UploadId,
    preview: Option<&str>,
    time: Duration,
) -> Result<Grant, Refusal> {
    let target = match preview {
        Some(token) => format!("/edge/v1/media/{id}?preview={token}"),
        None => format!("/edge/v1/media/{id}"),
    };
    let question = Call {
        method: "GET",
        target: &target,
        headers: HeaderList::new(),
        body: None,
        limit: GRANT_BYTES,
        time,
    };
    let address = request.client_address();
    let called = call(instance, &request.trace, address.as_deref(), question).await?;
    if called.status != 200 {
        if called.status == 404 && preview.is_none() {
            with(|grants| grants.refuse(id, seconds()));
        }
        return withheld(called, &request.trace.request_id).map(Grant::Withheld);
    }
    let grant: MediaGrant = serde_json::from_slice(&called.body).map_err(|error| {
        log(
            &request.trace.request_id,
            &format!("the origin's grant cannot be read: {error}"),
        );
        Refusal::new(ProblemType::BadGateway, "The origin answered wrongly.")
    })?;
    with(|grants| grants.keep(id, &grant, seconds()));
    let grant = Box::new(grant);
    Ok(Grant::Given { grant, kept: false })
}

/// The edge's key is between edge and origin: that it is wrong is no news for the client.
fn withheld(called: Called, request_id: &str) -> Result<Answer, Refusal> {
    if matches!(called.status, 401 | 403) {
        log(
            request_id,
            "the origin refused a grant: is edge_key the origin's EDGE_KEY?",
        );
        return Err(Refusal::new(
            ProblemType::Internal,
            "The edge may not ask the origin for pictures.",
        ));
    }
    let mut answer = called.hand_on(request_id);
    set(&mut answer.headers, "cache-control", "no-store");
    Ok(answer)
}
