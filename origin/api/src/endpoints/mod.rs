//! All routes, and one file for each of them.

mod accounts;
mod edge;
mod health;
mod jwks;
mod me;
pub(crate) mod openapi;
mod posts;
mod problems;
mod profiles;
mod sessions;
mod uploads;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post, put};
use sluicegate_contract::problem::ProblemType;

use crate::error::ApiError;
use crate::http::time_limit::{QUICK, SLOW, within};
use crate::state::App;

pub(crate) fn routes() -> Router<Arc<App>> {
    let quick = quick().layer(from_fn_with_state(QUICK, within));
    let slow = slow().layer(from_fn_with_state(SLOW, within));
    quick.merge(slow).merge(live())
}

/// They ask the database, and perhaps hash a password.
fn quick() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/accounts", post(accounts::sign_up::handler))
        .route("/v1/sessions", post(sessions::log_in::handler))
        .route("/v1/sessions/refresh", post(sessions::refresh::handler))
        .route(
            "/v1/sessions/current",
            axum::routing::delete(sessions::log_out::handler),
        )
        .route(
            "/v1/me",
            get(me::get::handler)
                .patch(me::patch::handler)
                .delete(me::leave::handler),
        )
        .route(
            "/v1/me/avatar",
            put(me::set_picture::avatar).delete(me::clear_picture::avatar),
        )
        .route(
            "/v1/me/profile-header",
            put(me::set_picture::profile_header).delete(me::clear_picture::profile_header),
        )
        .route("/v1/profiles/{handle}", get(profiles::get::handler))
        .route("/v1/profiles/{handle}/posts", get(profiles::posts::handler))
        .route(
            "/v1/posts",
            get(posts::list::handler).post(posts::create::handler),
        )
        .route(
            "/v1/posts/{id}",
            get(posts::get::handler).delete(posts::delete::handler),
        )
        .route("/v1/upload-tickets", post(uploads::ticket::handler))
        .route("/edge/v1/upload-tickets", post(edge::ticket::handler))
        .route("/.well-known/jwks.json", get(jwks::handler))
        .route("/problems", get(problems::index))
        .route("/problems/{slug}", get(problems::handler))
        .route("/openapi.json", get(openapi::handler))
        .route("/docs", get(openapi::page::page))
        .route("/docs/{file}", get(openapi::page::file))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
}

/// They may make or judge a picture before they answer.
fn slow() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/v1/uploads/{id}/complete",
            post(uploads::complete::handler),
        )
        .route("/edge/v1/media/{id}", get(edge::grant::handler))
}

/// They wait by intention, and bound that themselves.
fn live() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/v1/uploads/{id}",
            get(uploads::status::handler).delete(uploads::abandon::handler),
        )
        .route("/v1/uploads/{id}/events", get(uploads::events::handler))
}

pub(crate) async fn no_route() -> ApiError {
    ApiError::not_found()
}

pub(crate) async fn no_method() -> ApiError {
    ApiError::new(ProblemType::MethodNotAllowed)
}
