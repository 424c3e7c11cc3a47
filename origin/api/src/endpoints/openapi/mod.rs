//! The public API as an OpenAPI document, made from the annotations of the handlers.
//!
//! An annotation states success and what only its endpoint refuses (`x-problems`); what every endpoint of
//! its kind may refuse is added by `refusals`. What the edge answers without the origin is in `edge`.

mod edge;
pub(crate) mod page;
mod parameters;
mod refusals;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::{accounts, jwks, me, posts, problems, profiles, sessions, uploads};
use crate::state::App;

/// One line for each operation.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sluicegate",
        description = "Pictures and posts, let in at the pace that storage and moderation can take.\n\n\
            Every answer carries `x-request-id`. Every error is `application/problem+json` (RFC 9457), and \
            its `type` is a page that explains it; [all of them](/problems). Members of answers may be \
            added at any time: pass over those that you do not know.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "The edge that served this document")),
    tags(
        (name = "accounts", description = "Sign up"),
        (name = "sessions", description = "Log in and out, and get new tokens"),
        (name = "me", description = "The own account"),
        (name = "profiles", description = "Other people"),
        (name = "uploads", description = "Pictures on their way in"),
        (name = "media", description = "Pictures on their way out"),
        (name = "posts", description = "Posts"),
        (name = "documents", description = "What clients and people read about the API"),
    ),
    paths(
        accounts::sign_up::handler,
        sessions::log_in::handler,
        sessions::refresh::handler,
        sessions::log_out::handler,
        me::get::handler,
        me::patch::handler,
        me::leave::handler,
        me::set_picture::avatar,
        me::set_picture::profile_header,
        me::clear_picture::avatar,
        me::clear_picture::profile_header,
        profiles::get::handler,
        profiles::posts::handler,
        posts::create::handler,
        posts::list::handler,
        posts::get::handler,
        posts::delete::handler,
        uploads::ticket::handler,
        uploads::complete::handler,
        uploads::status::handler,
        uploads::abandon::handler,
        uploads::events::handler,
        edge::upload,
        edge::show_picture,
        edge::is_alive,
        jwks::handler,
        problems::index,
        problems::handler,
        handler,
    ),
    components(schemas(sluicegate_contract::problem::Problem))
)]
struct Annotated;

/// The whole document.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    let mut document = Annotated::openapi();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(
        "token",
        SecurityScheme::Http(
            Http::builder()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format("JWT")
                .description(Some(
                    "The `access_token` of a session; it lives for 15 minutes.",
                ))
                .build(),
        ),
    );
    parameters::simplify(&mut document);
    refusals::add(&mut document);
    document
}

/// The document as it is served and committed.
pub(crate) fn text() -> String {
    let mut text = document().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// `GET /openapi.json`
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "documents",
    operation_id = "get_openapi",
    summary = "This document",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
pub(crate) async fn handler(State(app): State<Arc<App>>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, app.openapi.clone()).into_response()
}

#[cfg(test)]
mod tests;
