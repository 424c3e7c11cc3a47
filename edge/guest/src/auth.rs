//! Who calls.

use std::time::Duration;

use sluicegate_policy::authenticator::Check;
use sluicegate_policy::headers::{HeaderList, values};
use sluicegate_policy::jwks::DOCUMENT_BYTES;
use sluicegate_policy::refusal::Refusal;
use sluicegate_policy::token::{Caller, Credentials, credentials};
use sluicegate_policy::trace::Trace;

use crate::instance::Instance;
use crate::origin::{Call, call};
use crate::wasi::{log, seconds};

const KEYS_TIME: Duration = Duration::from_secs(5);

/// What a request's credentials are worth.
pub enum Admission {
    /// There are none.
    Anonymous,
    /// They are somebody's.
    Caller(Caller),
}

/// Verifies the token of a request, if it carries one. One that is not valid is refused; keys that
/// cannot be had are an outage and no verdict.
pub async fn authenticate(
    instance: &Instance,
    headers: &HeaderList,
    trace: &Trace,
) -> Result<Admission, Refusal> {
    let token = match credentials(values(headers, "authorization")) {
        Credentials::Absent => return Ok(Admission::Anonymous),
        Credentials::Unusable => return Err(Refusal::token_invalid()),
        Credentials::Bearer(token) => token,
    };
    let mut check = instance.authenticator.borrow_mut().check(token, seconds());
    if check == Check::FetchKeys {
        fetch_keys(instance, trace).await;
        check = instance.authenticator.borrow_mut().check(token, seconds());
    }
    match check {
        Check::Caller(caller) => Ok(Admission::Caller(caller)),
        Check::Refused(reason) => {
            log(&trace.request_id, &format!("token refused: {reason}"));
            Err(Refusal::token_invalid())
        }
        Check::FetchKeys | Check::NoKeys => Err(Refusal::unavailable(
            "Tokens cannot be verified right now.",
            2,
        )),
    }
}

async fn fetch_keys(instance: &Instance, trace: &Trace) {
    let request = Call {
        method: "GET",
        target: "/.well-known/jwks.json",
        headers: HeaderList::new(),
        body: None,
        limit: DOCUMENT_BYTES,
        time: KEYS_TIME,
    };
    let answered = call(instance, trace, None, request).await;
    let mut authenticator = instance.authenticator.borrow_mut();
    match answered {
        Ok(reply) if reply.status == 200 => {
            if let Err(error) = authenticator.keys_fetched(&reply.body, seconds()) {
                log(
                    &trace.request_id,
                    &format!("the origin's keys cannot be used: {error}"),
                );
            }
        }
        Ok(reply) => {
            authenticator.keys_failed(seconds());
            log(
                &trace.request_id,
                &format!("the origin's keys: status {}", reply.status),
            );
        }
        Err(refusal) => {
            authenticator.keys_failed(seconds());
            log(
                &trace.request_id,
                &format!("the origin's keys: status {}", refusal.status()),
            );
        }
    }
}
