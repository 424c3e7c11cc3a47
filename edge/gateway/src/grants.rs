//! The origin's leave to show a picture, kept for a few seconds.

use std::cell::RefCell;
use std::time::Duration;

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::limits;
use sluicegate_contract::media::MediaGrant;
use sluicegate_contract::problem::ProblemType;
use sluicegate_guest::origin::{Call, Called, call};
use sluicegate_guest::wasi::seconds;
use sluicegate_guest::{Answer, Incoming, Instance, log};
use sluicegate_policy::bounded::Bounded;
use sluicegate_policy::headers::{HeaderList, set};
use sluicegate_policy::refusal::Refusal;

/// Grants that an instance keeps.
const KEPT: usize = 1_024;
/// The longest grant, in bytes.
const GRANT_BYTES: usize = 64 * 1024;
/// The origin may have to make the picture first. Beside two tries at the store it must fit into the
/// time that a host gives a request.
const GRANT_TIME: Duration = Duration::from_secs(25);

thread_local! {
    // A component has no other place for what outlives a request; each instance has its own.
    static GRANTS: RefCell<Option<Bounded<UploadId, MediaGrant>>> = const { RefCell::new(None) };
}

/// What the origin says of a picture.
pub(crate) enum Grant {
    /// It may be shown; `kept` says whether this was known before.
    Given { grant: Box<MediaGrant>, kept: bool },
    /// It may not, or not now: the client's answer.
    Withheld(Answer),
}

/// Asks the origin, unless its last answer is still good.
pub(crate) async fn grant(
    request: &Incoming,
    instance: &Instance,
    id: UploadId,
) -> Result<Grant, Refusal> {
    if let Some(grant) = with(|grants| grants.get(&id, seconds()).cloned()) {
        return Ok(Grant::Given {
            grant: Box::new(grant),
            kept: true,
        });
    }
    let target = format!("/edge/v1/media/{id}");
    let ask = Call {
        method: "GET",
        target: &target,
        headers: HeaderList::new(),
        body: None,
        limit: GRANT_BYTES,
        time: GRANT_TIME,
    };
    let address = request.client_address();
    let called = call(instance, &request.trace, address.as_deref(), ask).await?;
    if called.status != 200 {
        return withheld(called, &request.trace.request_id).map(Grant::Withheld);
    }
    let grant: MediaGrant = serde_json::from_slice(&called.body).map_err(|error| {
        log(
            &request.trace.request_id,
            &format!("the origin's grant cannot be read: {error}"),
        );
        Refusal::new(ProblemType::BadGateway, "The origin answered wrongly.")
    })?;
    let now = seconds();
    let until = now.saturating_add(limits::GRANT_CACHE_TIME.as_secs());
    with(|grants| grants.insert(id, grant.clone(), until, now));
    Ok(Grant::Given {
        grant: Box::new(grant),
        kept: false,
    })
}

/// Forgets a grant that turned out to be good no more.
pub(crate) fn forget(id: UploadId) {
    with(|grants| grants.forget(&id));
}

fn with<T>(work: impl FnOnce(&mut Bounded<UploadId, MediaGrant>) -> T) -> T {
    GRANTS.with_borrow_mut(|grants| work(grants.get_or_insert_with(|| Bounded::new(KEPT))))
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
