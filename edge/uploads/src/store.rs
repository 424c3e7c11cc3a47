//! The body on its way into the store.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use sluicegate_contract::limits;
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::uploads::PresignedPut;
use sluicegate_guest::origin::CONNECT_TIME;
use sluicegate_guest::wasi::{Limits, Outgoing, OutgoingBody, Reply, pipe, send};
use sluicegate_policy::headers::{self, HeaderList};
use sluicegate_policy::peer::{Failure, Peer, failed, stored};
use sluicegate_policy::refusal::Refusal;
use sluicegate_policy::trace::Trace;
use sluicegate_policy::url::HttpUrl;

use crate::payload::{Cut, Payload};
use crate::progress::{Progress, Waiting};
use crate::pump::pump;

/// Two minutes less than the host gives the request, so that `complete` still fits.
const PUT_TIME: Duration = limits::UPLOAD_REQUEST_TIME.saturating_sub(Duration::from_mins(2));

/// Streams `head` and the rest of `file` to a presigned address. `Ok` means that the store has all of it; after
/// anything else it has nothing.
pub(crate) async fn put(
    put: &PresignedPut,
    head: Vec<u8>,
    file: &mut Payload<'_>,
    total: u64,
    digest: bool,
    trace: &Trace,
) -> Result<(), Refusal> {
    let url = HttpUrl::parse(&put.url)
        .map_err(|_| Refusal::new(ProblemType::BadGateway, "The origin answered wrongly."))?;
    let mut headers: HeaderList = put
        .headers
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("host"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone().into_bytes()))
        .collect();
    headers::trace(&mut headers, trace);
    let progress = Progress::new();
    let (sink, source) = pipe();
    let sending = send(Outgoing {
        method: "PUT",
        url: &url,
        headers,
        body: OutgoingBody::Stream(source),
        limits: Limits {
            connect: CONNECT_TIME,
            head: PUT_TIME,
        },
    });
    let pumping = pump(sink, head, file, total, &progress);
    let exchange = exchange(sending, pumping, digest);
    match select(pin!(exchange), pin!(progress.stalled())).await {
        Either::Left((done, _)) => done,
        Either::Right((Waiting::Store, _)) => Err(failed(Peer::Store, Failure::TimedOut)),
        Either::Right((Waiting::Client, _)) => Err(Refusal::new(
            ProblemType::RequestTimeout,
            "The body stopped arriving.",
        )),
    }
}

async fn exchange(
    sending: impl Future<Output = Result<Reply, Failure>>,
    pumping: impl Future<Output = Result<(), Cut>>,
    digest: bool,
) -> Result<(), Refusal> {
    let (reply, pumped) = match select(pin!(sending), pin!(pumping)).await {
        Either::Right((Err(cut @ (Cut::Short | Cut::Long | Cut::Form(_))), _)) => {
            return Err(cut.into());
        }
        // The store closed its ears; what it says, if anything, tells why.
        Either::Right((pumped, sending)) => (sending.await, pumped),
        Either::Left((Ok(reply), pumping)) if stored(reply.status, digest).is_ok() => {
            (Ok(reply), pumping.await)
        }
        Either::Left((reply, _)) => (reply, Err(Cut::Refused)),
    };
    let reply = reply.map_err(|failure| failed(Peer::Store, failure))?;
    stored(reply.status, digest)?;
    pumped.map_err(Refusal::from)
}

impl From<Cut> for Refusal {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Short => Self::new(
                ProblemType::InvalidRequest,
                "The body ended before its declared length.",
            ),
            Cut::Long => Self::new(
                ProblemType::InvalidRequest,
                "The body went on beyond its declared length.",
            ),
            Cut::Form(error) => error.into(),
            Cut::Refused => failed(Peer::Store, Failure::Broken),
        }
    }
}
