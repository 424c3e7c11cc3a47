//! The origin's HTTP API: one file an endpoint, under `endpoints`.
//!
//! It turns requests into calls of ports and of `sluicegate-core`, and what comes of them into JSON or
//! problems. It knows no adapter, decodes no picture and works on no job. Start at [`router`] for the
//! way through, at [`ApiState`] for what it is given, and at `endpoints` for the list of routes.

#![deny(missing_docs)]

mod attempts;
mod auth;
mod endpoints;
mod error;
mod gate;
mod http;
mod live;
mod paging;
mod staging;
mod state;
mod views;
mod waiters;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::catch_panic::CatchPanicLayer;

pub use auth::keys::new_signing_key;
pub use state::{ApiConfig, ApiState, AttemptLimits, EdgeKey, JwtSecret, WeakSecret};

/// The whole API on one router: `/v1/*`, `/edge/v1/*`, `/.well-known/jwks.json`, `/problems/*`,
/// `/openapi.json`, `/docs`, `/livez` and `/readyz`. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that attempts
/// can be counted by address. Touches nothing yet: signing keys are loaded when first needed.
pub fn router(state: ApiState) -> Router {
    let app = Arc::new(state::App::new(state));
    endpoints::routes()
        .fallback(endpoints::no_route)
        .method_not_allowed_fallback(endpoints::no_method)
        .layer(DefaultBodyLimit::max(app.config.limits.json_body))
        .layer(from_fn(http::contract::check))
        .layer(from_fn_with_state(Arc::clone(&app), http::writes::note))
        .layer(from_fn_with_state(Arc::clone(&app), http::rates::check))
        .layer(CatchPanicLayer::custom(http::panics::answer))
        .layer(from_fn_with_state(Arc::clone(&app), http::around::around))
        .with_state(app)
}
