//! The component `gateway`: everything but uploads.
//!
//! Calls of the API go to the origin and pictures come from the store, both unread in both directions;
//! bad tokens are refused here. The page is in the component itself. What is decided is decided in
//! `sluicegate-policy`. Start at [`answer`].

mod api;
mod grants;
mod media;
mod page;

use std::rc::Rc;

use sluicegate_contract::problem::ProblemType;
use sluicegate_guest::wasi::{export, handler};
use sluicegate_guest::{Answer, ErrorCode, Incoming, Instance, WasiRequest, WasiResponse, serve};
use sluicegate_policy::path::TargetError;
use sluicegate_policy::refusal::Refusal;
use sluicegate_policy::routes::{Route, route};

struct Gateway;

export!(Gateway);

impl handler for Gateway {
    async fn handle(request: WasiRequest) -> Result<WasiResponse, ErrorCode> {
        serve(request, answer).await
    }
}

async fn answer(request: Incoming, instance: Rc<Instance>) -> Answer {
    let request_id = request.trace.request_id.clone();
    let answered = match route(&request.method, &request.target, |path| {
        page::find(path).is_some()
    }) {
        Route::Api(access) => api::forward(request, &instance, access).await,
        Route::Media(key) => media::show(&request, &instance, key).await,
        Route::Page => page::show(&request),
        Route::Health => Ok(page::healthy()),
        Route::WrongMethod(allow) => Err(Refusal::wrong_method(allow)),
        Route::Unknown => Err(Refusal::not_found()),
        Route::BadTarget(error) => Err(bad_target(error)),
    };
    answered.unwrap_or_else(|refusal| Answer::refusal(refusal, &request_id))
}

fn bad_target(error: TargetError) -> Refusal {
    let kind = match error {
        TargetError::TooLong => ProblemType::UriTooLong,
        TargetError::Ambiguous => ProblemType::InvalidRequest,
    };
    Refusal::new(kind, &format!("{error}."))
}
