//! The pages that the `type` of a problem points to.

use axum::Json;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, header};
use serde_json::json;
use sluicegate_contract::problem::ProblemType;

use crate::error::ApiError;
use crate::http::extract::Name;

const CACHE: (http::HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=86400");
const POLICY: (http::HeaderName, &str) = (
    header::CONTENT_SECURITY_POLICY,
    "default-src 'none'; style-src 'unsafe-inline'",
);

/// `GET /problems/{slug}`
pub(crate) async fn handler(
    Name(slug): Name<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let kind = ProblemType::from_slug(&slug).ok_or_else(ApiError::not_found)?;
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("json")) {
        return Ok(([CACHE], Json(json(kind))).into_response());
    }
    Ok(([CACHE, POLICY], Html(page(kind))).into_response())
}

fn json(kind: ProblemType) -> serde_json::Value {
    json!({
        "type": kind.uri(),
        "title": kind.title(),
        "status": kind.status(),
        "explanation": explanation(kind),
    })
}

fn page(kind: ProblemType) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;\
         padding:0 1rem}}</style>\n\
         <h1>{title}</h1>\n<p><code>{uri}</code>, HTTP status {status}</p>\n<p>{explanation}</p>\n\
         </html>\n",
        title = kind.title(),
        uri = kind.uri(),
        status = kind.status(),
        explanation = explanation(kind),
    )
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
        P::MethodNotAllowed => {
            "The address is right, the method is not. The Allow header names those that are."
        }
        P::RequestTimeout => "The request did not arrive in time. Send it again.",
        P::HandleTaken => "Somebody has this handle. Choose another one.",
        P::Conflict => {
            "What you ask for does not fit the state in which the resource is. Look at it again first."
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
        P::UnsuitableUpload => {
            "The upload that was named is not yours, was made for another purpose, has not arrived, or was \
             removed."
        }
        P::TooManyRequests => {
            "There were too many attempts or requests. Wait as long as the Retry-After header says."
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
        P::GatewayTimeout => "A service behind the gateway did not answer in time. Try again.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_page_without_markup_in_its_text() {
        for kind in ProblemType::ALL {
            let page = page(*kind);
            assert!(page.contains(kind.title()) && page.contains(&kind.uri()));
            assert!(!explanation(*kind).contains(['<', '>', '&']));
        }
    }
}
