//! How fast clients may ask: by account where they show a token that is good, else by address; each class of routes
//! (`classes.rs`) for itself.
//!
//! A count costs a step in memory, or one call of Redis; what refuses is told in the header fields of
//! draft-ietf-httpapi-ratelimit-headers-10. Answers that are given say nothing of limits that nobody comes near: they stay the
//! same for everybody.
//!
//! Addresses are counted only where they are known (see `attempts.rs`), and never those of this machine: they are a proxy's
//! that was not named, and all its clients share them. Routes for programs around us are not counted: health, keys, documents,
//! and the grants that edges ask for on behalf of all their clients.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use sluicegate_contract::headers::{RATE_LIMIT, RATE_LIMIT_POLICY};
use sluicegate_contract::problem::ProblemType;
use sluicegate_core::rate::{Rate, Standing};

use super::classes::{Class, Named};
use super::client::ClientAddress;
use crate::auth::caller::bearer;
use crate::auth::tokens::Verified;
use crate::error::ApiError;
use crate::state::App;

/// Beginnings of the routes that are not counted.
const FREE: [&str; 7] = [
    "/livez",
    "/readyz",
    "/.well-known/",
    "/problems",
    "/openapi.json",
    "/docs",
    "/edge/v1/media/",
];

/// One limit, and whom it is about.
struct Limit {
    /// A word of ours, and the policy's name in headers.
    name: &'static str,
    rate: Rate,
    /// Whose requests are counted together.
    who: String,
}

pub(crate) async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Some(limit) = limit(&mut parts, &app).await
        && let Err(refused) = count(&app, &limit).await
    {
        return refused.into_response();
    }
    next.run(Request::from_parts(parts, body)).await
}

async fn count(app: &App, limit: &Limit) -> Result<(), ApiError> {
    let key = format!("{}:{}", limit.name, limit.who);
    match app.limiter.admit(&key, &limit.rate).await {
        Ok(standing) if standing.admitted => Ok(()),
        Ok(standing) => {
            app.observer.limited(limit.name);
            Err(refused(limit, &standing))
        }
        // Nobody is kept out because nobody can count.
        Err(error) => {
            tracing::warn!(%error, "a request was not counted");
            Ok(())
        }
    }
}

async fn limit(parts: &mut Parts, app: &Arc<App>) -> Option<Limit> {
    let route = parts.extensions.get::<MatchedPath>();
    let route = route.map_or("", MatchedPath::as_str);
    if FREE.iter().any(|free| route.starts_with(free)) {
        return None;
    }
    let limits = &app.config.limits.requests;
    let class = Class::of(&parts.method, route);
    let (by_account, by_address) = (class.by_account(limits), class.by_address(limits));
    if by_account.is_none() && by_address.is_none() {
        return None;
    }
    let known = if class.is_somebodys() {
        verified(parts, app).await
    } else {
        None
    };
    // What is asked with a token of a session that is over is refused, and nothing that its owner does.
    let is_over = known.is_some_and(|known| app.ended.has(known.session));
    match known {
        Some(known) if !is_over => return of(by_account, known.account.to_string()),
        _ => {}
    }
    let Ok(address) = ClientAddress::from_request_parts(parts, app).await;
    match (address.network().filter(|_| !address.is_ours()), known) {
        (Some(network), _) => of(by_address, network.to_owned()),
        (None, Some(known)) => of(by_account, format!("session:{}", known.session)),
        (None, None) => None,
    }
}

fn of(named: Option<Named>, who: String) -> Option<Limit> {
    named.map(|(name, rate)| Limit { name, rate, who })
}

/// What the token says. It is kept for whoever needs it next.
async fn verified(parts: &mut Parts, app: &App) -> Option<Verified> {
    let verified = app.tokens.verify(bearer(parts)?).await.ok()?;
    parts.extensions.insert(verified);
    Some(verified)
}

fn refused(limit: &Limit, standing: &Standing) -> ApiError {
    let seconds = standing.retry_after.as_micros().div_ceil(1_000_000).max(1);
    let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
    ApiError::new(ProblemType::TooManyRequests)
        .detail("Too many requests. Ask again later, and less often.")
        .with("quota", limit.name)
        .with("limit", limit.rate.requests())
        .retry_after(seconds)
        .headers(headers(limit, seconds))
}

fn headers(limit: &Limit, seconds: u32) -> HeaderMap {
    let (name, rate) = (limit.name, &limit.rate);
    let (most, window) = (rate.requests(), rate.window().as_secs().max(1));
    [
        (
            RATE_LIMIT_POLICY,
            format!(r#""{name}";q={most};qu="requests";w={window}"#),
        ),
        (RATE_LIMIT, format!(r#""{name}";r=0;t={seconds}"#)),
    ]
    .into_iter()
    .filter_map(|(name, text)| {
        let value = HeaderValue::try_from(text).ok()?;
        Some((HeaderName::from_static(name), value))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn fields_are_of_the_draft() {
        let limit = Limit {
            name: "reads-by-address",
            rate: Rate::new(100, Duration::from_mins(1)),
            who: "192.0.2.7".to_owned(),
        };
        let headers = headers(&limit, 3);
        assert_eq!(
            headers[RATE_LIMIT_POLICY],
            r#""reads-by-address";q=100;qu="requests";w=60"#
        );
        assert_eq!(headers[RATE_LIMIT], r#""reads-by-address";r=0;t=3"#);
        // Told to wait for less than a second, a client would come too early.
        let response = refused(&limit, &Standing::refused(1)).into_response();
        assert_eq!(response.headers()[http::header::RETRY_AFTER], "1");
        let response = refused(&limit, &Standing::refused(1_000_001)).into_response();
        assert_eq!(response.headers()[http::header::RETRY_AFTER], "2");
    }
}
