//! What the HTTP components have in common of WASI.
//!
//! Every use of WASI types is in [`wasi`]; the other modules speak of requests, answers and peers.
//! What is decided is decided in `sluicegate-policy`, and what a component does with it in the
//! component. Nothing here panics: a trap would end every request of the instance.
//!
//! Start at [`serve`], which is all that a component's export calls.

#![deny(missing_docs)]

mod auth;
mod body;
mod instance;
pub mod origin;
pub mod wasi;

use sluicegate_policy::headers::{HeaderList, client_address, harden, set, single};
use sluicegate_policy::refusal::Refusal;
use sluicegate_policy::trace::{FRESH_BYTES, Trace};

pub use auth::{Admission, authenticate};
pub use body::{Body, BodyError, Drain};
pub use instance::Instance;
pub use wasi::{ErrorCode, WasiRequest, WasiResponse, log};

/// A request of a client.
pub struct Incoming {
    /// In upper case as it came.
    pub method: String,
    /// Path and query as they came.
    pub target: String,
    /// As they came, but for what belongs to the connection.
    pub headers: HeaderList,
    /// Unread.
    pub body: Body,
    /// Names of the request.
    pub trace: Trace,
}

impl Incoming {
    /// The client's address, if the host tells.
    pub fn client_address(&self) -> Option<String> {
        single(&self.headers, "spin-client-addr").and_then(client_address)
    }
}

/// What a client gets.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Complete but for what [`serve`] adds.
    pub headers: HeaderList,
    /// What follows the headers.
    pub content: Content,
}

/// The content of an answer.
pub enum Content {
    /// None.
    Empty,
    /// Made here.
    Bytes(Vec<u8>),
    /// Handed on unread.
    Stream(Body),
}

impl Answer {
    /// An answer without content.
    pub fn empty(status: u16, mut headers: HeaderList) -> Self {
        harden(&mut headers);
        Self {
            status,
            headers,
            content: Content::Empty,
        }
    }

    /// An answer with content made here.
    pub fn bytes(status: u16, headers: HeaderList, content: Vec<u8>) -> Self {
        Self {
            status,
            headers,
            content: Content::Bytes(content),
        }
    }

    /// A problem.
    pub fn refusal(refusal: Refusal, request_id: &str) -> Self {
        let status = refusal.status();
        let (headers, body) = refusal.render(request_id);
        Self::bytes(status, headers, body)
    }
}

/// Takes a request from the host and gives back the answer of `answer`, under the settings of this
/// instance. Preflights of CORS are answered here; `x-request-id` and CORS headers are added here.
pub async fn serve<F, A>(request: WasiRequest, answer: F) -> Result<WasiResponse, ErrorCode>
where
    F: FnOnce(Incoming, std::rc::Rc<Instance>) -> A,
    A: Future<Output = Answer>,
{
    let incoming = wasi::incoming(request, |headers| {
        let mut fresh = [0; FRESH_BYTES];
        wasi::fill_random(&mut fresh);
        Trace::of(headers, &fresh)
    });
    let request_id = incoming.trace.request_id.clone();
    let is_head = incoming.method == "HEAD";
    let instance = match Instance::get().await {
        Ok(instance) => instance,
        Err(error) => {
            log(
                &request_id,
                &format!("the settings cannot be used: {error}"),
            );
            return wasi::response(Answer::refusal(misconfigured(), &request_id), is_head);
        }
    };
    let cors = &instance.settings.cors;
    if let Some(mut headers) = cors.preflight(&incoming.method, &incoming.headers) {
        set(&mut headers, "x-request-id", request_id.as_str());
        return wasi::response(Answer::empty(204, headers), is_head);
    }
    let cors_request: HeaderList = incoming
        .headers
        .iter()
        .filter(|(name, _)| name == "origin")
        .cloned()
        .collect();
    let mut answer = answer(incoming, instance.clone()).await;
    set(&mut answer.headers, "x-request-id", request_id.as_str());
    instance
        .settings
        .cors
        .share(&cors_request, &mut answer.headers);
    wasi::response(answer, is_head)
}

fn misconfigured() -> Refusal {
    Refusal::new(
        sluicegate_contract::problem::ProblemType::Internal,
        "The edge is not configured rightly; its log has the details.",
    )
}
