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
use crate::wasi::{log, pause, seconds, spawn};

const KEYS_TIME: Duration = Duration::from_secs(5);
/// How often a request looks whether the keys are there that another one is getting. Requests of an instance
/// have no other way to wake each other.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// So often at most: a little longer than getting them may take.
const LOOKS: u32 = 600;

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
    let checked = check(instance, token, trace).await;
    refresh_behind(instance, trace);
    match checked {
        Check::Caller(caller) => Ok(Admission::Caller(caller)),
        Check::Refused(reason) => {
            log(&trace.request_id, &format!("token refused: {reason}"));
            Err(Refusal::token_invalid())
        }
        Check::FetchKeys | Check::AwaitKeys | Check::NoKeys => Err(Refusal::unavailable(
            "Tokens cannot be verified right now.",
            2,
        )),
    }
}

/// Gets the keys first where that must be, once; one request of the instance does it for all.
async fn check(instance: &Instance, token: &str, trace: &Trace) -> Check {
    let look = || instance.authenticator.borrow_mut().check(token, seconds());
    let mut checked = look();
    for _ in 0..LOOKS {
        match checked {
            Check::FetchKeys => {
                fetch_keys(instance, trace).await;
                return look();
            }
            Check::AwaitKeys => pause(LOOK_EVERY).await,
            _ => break,
        }
        checked = look();
    }
    checked
}

/// Gets the keys ahead of time, while the request goes on.
fn refresh_behind(instance: &Instance, trace: &Trace) {
    if !instance.authenticator.borrow_mut().wants_refresh(seconds()) {
        return;
    }
    let trace = trace.clone();
    spawn(async move {
        if let Ok(instance) = Instance::get().await {
            fetch_keys(&instance, &trace).await;
        }
    });
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
