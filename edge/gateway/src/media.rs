//! Pictures, streamed from the store under a grant of the origin.

use std::time::Duration;

use sluicegate_contract::media::{MediaGrant, MediaKey};
use sluicegate_contract::problem::ProblemType;
use sluicegate_guest::origin::CONNECT_TIME;
use sluicegate_guest::wasi::{Limits, Outgoing, OutgoingBody, Reply, send};
use sluicegate_guest::{Answer, Content, Incoming, Instance, log};
use sluicegate_policy::headers::{self, HeaderList, set};
use sluicegate_policy::media::{Plan, is_as_asked, not_modified, plan, preview_token, shown};
use sluicegate_policy::peer::{Failure, Peer, failed};
use sluicegate_policy::range::Selection;
use sluicegate_policy::refusal::Refusal;
use sluicegate_policy::trace::Trace;
use sluicegate_policy::url::HttpUrl;

use crate::grants::{Grant, forget, grant};

const STORE_TIME: Duration = Duration::from_secs(15);

pub(crate) async fn show(
    request: &Incoming,
    instance: &Instance,
    key: MediaKey,
) -> Result<Answer, Refusal> {
    let preview = preview_token(&request.target);
    // A kept grant may be of a picture that has gone meanwhile: then the origin is asked once more.
    for _ in 0..2 {
        let (grant, kept) = match grant(request, instance, key.0, preview).await? {
            Grant::Withheld(answer) => return Ok(answer),
            Grant::Given { grant, kept } => (grant, kept),
        };
        let selection = match plan(&request.method, &request.headers, &grant) {
            Plan::NotModified => return Ok(Answer::empty(304, not_modified(&grant))),
            Plan::Refused(refusal) => return Err(refusal),
            Plan::Head => {
                let (status, headers) = shown(&grant, Selection::Whole);
                return Ok(Answer::empty(status, headers));
            }
            Plan::Fetch(selection) => selection,
        };
        let reply = fetch(&grant, selection, &request.trace).await?;
        if is_as_asked(&grant, selection, reply.status, &reply.headers) {
            let (status, headers) = shown(&grant, selection);
            return Ok(Answer {
                status,
                headers,
                content: Content::Stream(reply.body),
            });
        }
        forget(key.0);
        let request_id = &request.trace.request_id;
        log(
            request_id,
            &format!("the store answered {} to a granted GET", reply.status),
        );
        if !kept {
            return Err(unfit(reply.status));
        }
    }
    Err(unfit(0))
}

async fn fetch(grant: &MediaGrant, selection: Selection, trace: &Trace) -> Result<Reply, Refusal> {
    let url = HttpUrl::parse(&grant.url)
        .map_err(|_| Refusal::new(ProblemType::BadGateway, "The origin answered wrongly."))?;
    let mut headers = HeaderList::new();
    headers::trace(&mut headers, trace);
    if let Some(range) = selection.to_range() {
        set(&mut headers, "range", range);
    }
    let limits = Limits {
        connect: CONNECT_TIME,
        head: STORE_TIME,
    };
    let body = OutgoingBody::Empty;
    send(Outgoing {
        method: "GET",
        url: &url,
        headers,
        body,
        limits,
    })
    .await
    .map_err(|failure| failed(Peer::Store, failure))
}

fn unfit(status: u16) -> Refusal {
    match status {
        404 => Refusal::not_found(),
        408 | 504 => failed(Peer::Store, Failure::TimedOut),
        429 | 503 => failed(Peer::Store, Failure::Busy),
        _ => failed(Peer::Store, Failure::Broken),
    }
}
