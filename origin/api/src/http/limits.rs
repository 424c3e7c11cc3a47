//! How fast clients may ask: by account where they show a token that is good, else by address.
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

use super::client::ClientAddress;
use crate::auth::caller::bearer;
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
    let [account_limit, address_limit] = if parts.method.is_safe() {
        [
            ("reads-by-account", limits.account_reads),
            ("reads-by-address", limits.address_reads),
        ]
    } else {
        [
            ("writes-by-account", limits.account_writes),
            ("writes-by-address", limits.address_writes),
        ]
    };
    if account_limit.1.is_none() && address_limit.1.is_none() {
        return None;
    }
    if let Some(who) = account(parts, app).await {
        return of(account_limit, who);
    }
    let Ok(address) = ClientAddress::from_request_parts(parts, app).await;
    let who = address.network().filter(|_| !address.is_ours())?;
    of(address_limit, who.to_owned())
}

fn of((name, rate): (&'static str, Option<Rate>), who: String) -> Option<Limit> {
    rate.map(|rate| Limit { name, rate, who })
}

/// Whose token it is. What was verified is kept for whoever needs it next.
async fn account(parts: &mut Parts, app: &App) -> Option<String> {
    let verified = app.tokens.verify(bearer(parts)?).await.ok()?;
    let who = verified.account.to_string();
    parts.extensions.insert(verified);
    Some(who)
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
