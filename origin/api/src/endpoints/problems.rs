//! The pages that the `type` of a problem points to.

use std::collections::BTreeMap;
use std::fmt::Write;

use axum::Json;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, header};
use serde::Serialize;
use sluicegate_contract::problem::ProblemType;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::http::extract::Name;

const CACHE: (http::HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=86400");
const VARY: (http::HeaderName, &str) = (header::VARY, "accept");
const POLICY: (http::HeaderName, &str) = (
    header::CONTENT_SECURITY_POLICY,
    "default-src 'none'; style-src 'unsafe-inline'",
);

/// `GET /problems`
#[utoipa::path(
    get,
    path = "/problems",
    tag = "documents",
    operation_id = "list_problems",
    summary = "All kinds of problems",
    responses((status = 200, description = "For people, or for programs that accept JSON",
        content((String = "text/html"), (Vec<Explained> = "application/json"))))
)]
pub(crate) async fn index(headers: HeaderMap) -> Response {
    if wants_json(&headers) {
        let all: Vec<Explained> = ProblemType::ALL.iter().copied().map(explained).collect();
        return ([CACHE, VARY], Json(all)).into_response();
    }
    ([CACHE, VARY, POLICY], Html(list())).into_response()
}

/// `GET /problems/{slug}`
#[utoipa::path(
    get,
    path = "/problems/{slug}",
    tag = "documents",
    operation_id = "explain_problem",
    summary = "What a problem means and what to do",
    params(("slug" = String, Path, description = "The last part of a problem's `type`", example = "too-large")),
    responses((status = 200, description = "For people, or for programs that accept JSON",
        content((String = "text/html"), (Explained = "application/json"))))
)]
pub(crate) async fn handler(
    Name(slug): Name<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let kind = ProblemType::from_slug(&slug).ok_or_else(ApiError::not_found)?;
    if wants_json(&headers) {
        return Ok(([CACHE, VARY], Json(explained(kind))).into_response());
    }
    Ok(([CACHE, VARY, POLICY], Html(page(kind))).into_response())
}

fn wants_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("json"))
}

/// A kind of problem, explained.
#[derive(Serialize, ToSchema)]
pub(crate) struct Explained {
    /// As it stands in problems.
    #[serde(rename = "type")]
    kind: String,
    /// The same for every problem of this type.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What it means and what to do.
    explanation: &'static str,
    /// Members beside the standard ones, by name. A problem need not have all of them.
    members: BTreeMap<&'static str, &'static str>,
}

fn explained(kind: ProblemType) -> Explained {
    Explained {
        kind: kind.uri(),
        title: kind.title(),
        status: kind.status(),
        explanation: explanation(kind),
        members: members(kind).iter().copied().collect(),
    }
}

fn list() -> String {
    let mut rows = String::new();
    for kind in ProblemType::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(
            rows,
            "<tr><td>{}</td><td><a href=\"{}\"><code>{}</code></a></td><td>{}</td></tr>",
            kind.status(),
            kind.uri(),
            kind.slug(),
            kind.title()
        );
    }
    document(
        "Problems",
        &format!(
            "<p>Every error is <code>application/problem+json</code> (RFC 9457). Its <code>type</code> is one of \
             these; the status and the title follow from it.</p>\n\
             <table>\n<tr><th>Status</th><th>Type</th><th>Title</th></tr>\n{rows}</table>\n"
        ),
    )
}

fn page(kind: ProblemType) -> String {
    let mut rows = String::new();
    for (name, what) in members(kind) {
        let _ = writeln!(rows, "<tr><td><code>{name}</code></td><td>{what}</td></tr>");
    }
    let members = if rows.is_empty() {
        String::new()
    } else {
        format!("<h2>Members</h2>\n<table>\n{rows}</table>\n")
    };
    document(
        kind.title(),
        &format!(
            "<p><code>{}</code>, HTTP status {}</p>\n<p>{}</p>\n{members}\
             <p><a href=\"/problems\">All problems</a></p>\n",
            kind.uri(),
            kind.status(),
            explanation(kind),
        ),
    )
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:48rem;margin:3rem auto;\
         padding:0 1rem}}td,th{{padding:.2rem 1rem .2rem 0;text-align:left;vertical-align:top}}</style>\n\
         <h1>{title}</h1>\n{body}</html>\n"
    )
}

/// Members beside the standard ones, and what they say; plain text without markup.
fn members(kind: ProblemType) -> &'static [(&'static str, &'static str)] {
    use ProblemType as P;

    const FIELD: (&str, &str) = (
        "field",
        "The member or parameter that is wrong, where it is one.",
    );
    const LIMIT: (&str, &str) = ("limit", "The most that is taken.");
    const REASON: (&str, &str) = ("reason", "Why, as a word that stays the same.");
    const RETRY: (&str, &str) = (
        "retry_after",
        "Seconds to wait; the Retry-After header says the same.",
    );
    const UPLOAD: (&str, &str) = (
        "upload_id",
        "The upload, where one was begun: it can be completed later.",
    );
    match kind {
        P::InvalidRequest => &[FIELD],
        P::TooLarge => &[LIMIT],
        P::AccountLeaving => &[("delete_after", "When it will be deleted for good.")],
        P::PictureRefused | P::UnsupportedMediaType => &[REASON, UPLOAD],
        P::ContentRefused => &[REASON, ("source", "Which check refused a post."), UPLOAD],
        P::TooManyRequests => &[
            LIMIT,
            RETRY,
            ("quota", "The limit or quota that is used up."),
            UPLOAD,
        ],
        P::StorageFull => &[RETRY],
        P::UnsupportedContract => &[
            ("contract", "The newest version that the origin speaks."),
            RETRY,
        ],
        P::Unavailable => &[RETRY, UPLOAD],
        P::BadGateway | P::GatewayTimeout | P::Internal | P::Conflict | P::UploadExpired => {
            &[UPLOAD]
        }
        _ => &[],
    }
}

/// What it means and what to do; plain text without markup.
fn explanation(kind: ProblemType) -> &'static str {
    use ProblemType as P;

    match kind {
        P::InvalidRequest => {
            "A header, a parameter or the body is not what this endpoint reads. The detail says what is \
             wrong, and the member field where. Repeating the same request will not help."
        }
        P::Unauthorized => {
            "The request has no access token, or one that is expired, ended, malformed or not ours. \
             Refresh the session or log in again."
        }
        P::InvalidCredentials => {
            "There is no account with this handle and this password. Which of them is wrong is not said."
        }
        P::Forbidden => "You are known, but this is not for you.",
        P::NotFound => {
            "Nothing is here, it was deleted, or it is somebody else's and not to be seen by you."
        }
        P::DirectUploadsOff => {
            "Clients cannot reach the store of this installation. Send the file to POST /v1/uploads instead."
        }
        P::MethodNotAllowed => {
            "The address is right, the method is not. The Allow header names those that are."
        }
        P::RequestTimeout => "The request did not arrive in time. Send it again.",
        P::HandleTaken => "Somebody has this handle. Choose another one.",
        P::AccountLeaving => {
            "The owner of this account has deleted it, and the time to think again is not over. Log in with the \
             member restore to take that back: everything is as it was."
        }
        P::Conflict => {
            "What you ask for does not fit the state in which the resource is: look at it again first. Or the same \
             request, by its Idempotency-Key, is being worked on: ask again after the pause."
        }
        P::UploadExpired => {
            "The ticket of this upload ran out before it was completed. Start a new upload."
        }
        P::LengthRequired => {
            "Uploads need a Content-Length header; a body of unknown length is not taken."
        }
        P::PreconditionFailed => {
            "A condition in the request's headers does not hold. Look at the resource again."
        }
        P::TooLarge => {
            "The body is larger than what is taken here. The member limit says how many bytes are."
        }
        P::UriTooLong => "The address is longer than what is taken.",
        P::UnsupportedMediaType => {
            "The content is not of a kind that is read here: pictures must be JPEG, PNG or WebP by their \
             content, other bodies must be JSON and say so."
        }
        P::RangeNotSatisfiable => "The picture is shorter than the range that was asked for.",
        P::PictureRefused => {
            "The file is a picture of a supported kind, but it is broken, animated, or has too many pixels. \
             The member reason says which."
        }
        P::ContentRefused => "Moderation refused this content. The member reason says why.",
        P::IdempotencyKeyReused => {
            "Another request was made with this Idempotency-Key within a day: an upload of another file, purpose or \
             digest, or one with other content. Use a new key for each request, and the same one only to repeat it."
        }
        P::UnsuitableUpload => {
            "The upload that was named is not yours, was made for another purpose, has not arrived, or was \
             removed."
        }
        P::TooManyRequests => {
            "There were too many attempts or requests, of your account or from your address. Wait as long as the \
             Retry-After header says; the RateLimit headers say which limit it was."
        }
        P::HeadersTooLarge => "The headers of the request are larger than what is taken.",
        P::Internal => {
            "Something failed on our side. Tell the operator the instance of the problem: the log has the \
             details under it."
        }
        P::BadGateway => "A service behind the gateway failed. Try again.",
        P::Unavailable => {
            "Something that is needed is down or busy. Nothing is lost; try again after as many seconds as \
             the Retry-After header says."
        }
        P::StorageFull => {
            "The store holds as many files whose pictures are not made yet as it has room for. Nothing was \
             stored; try again after the pause that the Retry-After header names."
        }
        P::UnsupportedContract => {
            "The edge is of a newer release than the origin behind it. Try again after as many seconds as the \
             Retry-After header says; operators upgrade origins before edges."
        }
        P::GatewayTimeout => "A service behind the gateway did not answer in time. Try again.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_page_and_a_line_in_the_list() {
        let list = list();
        for kind in ProblemType::ALL {
            let page = page(*kind);
            assert!(page.contains(kind.title()) && page.contains(&kind.uri()));
            assert!(list.contains(&format!("<a href=\"{}\">", kind.uri())));
            assert!(page.contains(explanation(*kind)));
            for (name, _) in members(*kind) {
                assert!(page.contains(&format!("<code>{name}</code>")));
            }
        }
    }

    #[test]
    fn texts_are_sentences_without_markup() {
        for kind in ProblemType::ALL {
            let sentences = members(*kind).iter().map(|(_, what)| *what);
            for text in sentences.chain([explanation(*kind)]) {
                assert!(text.ends_with('.') && text.len() > 15, "{text}");
                assert!(!text.contains(['<', '>', '&']), "{text}");
            }
        }
    }
}
