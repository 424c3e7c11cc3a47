//! Errors as `application/problem+json` (RFC 9457).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident => $status:literal, $slug:literal, $title:literal;)*) => {
        /// Every kind of error that edge or origin answers with. Slugs and statuses never change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemType { $($(#[$doc])* $name,)* }

        impl ProblemType {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The HTTP status.
            pub fn status(self) -> u16 { match self { $(Self::$name => $status,)* } }

            /// The last part of `type`.
            pub fn slug(self) -> &'static str { match self { $(Self::$name => $slug,)* } }

            /// The same short text for every occurrence.
            pub fn title(self) -> &'static str { match self { $(Self::$name => $title,)* } }
        }
    };
}

problems! {
    /// The request is not what the API reads: malformed JSON, an unknown field, a bad value.
    InvalidRequest => 400, "invalid-request", "The request is not valid";
    /// No access token, or one that is malformed, expired, of another issuer or wrongly signed.
    Unauthorized => 401, "unauthorized", "A valid access token is needed";
    /// Handle and password do not belong together; says nothing about which of them is wrong.
    InvalidCredentials => 401, "invalid-credentials", "Handle or password is wrong";
    /// The caller may not do this.
    Forbidden => 403, "forbidden", "This is not allowed";
    /// There is no such thing, or the caller may not know of it.
    NotFound => 404, "not-found", "There is no such resource";
    /// Clients cannot reach the store of this installation: `S3_PUBLIC_ENDPOINT` is not set.
    DirectUploadsOff => 404, "direct-uploads-off", "Direct uploads are not offered here";
    /// The resource does not know this method.
    MethodNotAllowed => 405, "method-not-allowed", "The method is not allowed here";
    /// The client was too slow.
    RequestTimeout => 408, "request-timeout", "The request took too long to arrive";
    /// The handle is taken.
    HandleTaken => 409, "handle-taken", "The handle is taken";
    /// The account is to be deleted; member `delete_after`. A log-in with `restore` takes that back.
    AccountLeaving => 409, "account-leaving", "The account is to be deleted";
    /// The resource is in a state that does not allow this.
    Conflict => 409, "conflict", "The state of the resource does not allow this";
    /// The upload's ticket ran out.
    UploadExpired => 410, "upload-expired", "The upload has expired";
    /// `Content-Length` is needed.
    LengthRequired => 411, "length-required", "The length must be known beforehand";
    /// `If-Match` or another precondition did not hold.
    PreconditionFailed => 412, "precondition-failed", "A precondition does not hold";
    /// The body is larger than what is accepted; member `limit` in bytes.
    TooLarge => 413, "too-large", "The body is too large";
    /// The URI is too long.
    UriTooLong => 414, "uri-too-long", "The address is too long";
    /// Not JPEG, PNG or WebP (by content), or not JSON where JSON is read.
    UnsupportedMediaType => 415, "unsupported-media-type", "The media type is not supported";
    /// The range lies outside the picture.
    RangeNotSatisfiable => 416, "range-not-satisfiable", "The range cannot be served";
    /// A picture that is broken, animated or too large in pixels; member `reason`.
    PictureRefused => 422, "picture-refused", "The picture cannot be accepted";
    /// Moderation refused the content; member `reason`.
    ContentRefused => 422, "content-refused", "The content was refused by moderation";
    /// An upload that is not the caller's, or of another purpose, was named.
    UnsuitableUpload => 422, "unsuitable-upload", "The upload cannot be used for this";
    /// The `Idempotency-Key` stands for another request: an upload of another file, purpose or digest, or other content.
    IdempotencyKeyReused => 422, "idempotency-key-reused", "The idempotency key stands for another request";
    /// Too many attempts or requests; member `retry_after` in seconds. Of limits and quotas also `quota`, the name
    /// of the one that is used up, and `limit`, its size.
    TooManyRequests => 429, "too-many-requests", "Too many requests";
    /// The request's head is too large.
    HeadersTooLarge => 431, "headers-too-large", "The headers are too large";
    /// A fault of ours; the log has the details under the request id.
    Internal => 500, "internal", "Something went wrong on our side";
    /// A peer behind the edge answered wrongly, or a component failed.
    BadGateway => 502, "bad-gateway", "A service behind the gateway failed";
    /// A needed service is down or busy; member `retry_after` in seconds.
    Unavailable => 503, "unavailable", "The service is not available right now";
    /// There is no room for another upload before pictures are made of those that are there; member `retry_after` in
    /// seconds.
    StorageFull => 503, "storage-full", "There is no room for uploads right now";
    /// An edge spoke a version of the contract that this origin does not know; member `contract` is the
    /// newest that it knows.
    UnsupportedContract => 503, "unsupported-contract", "Edge and origin do not speak the same version";
    /// A peer behind the edge did not answer in time.
    GatewayTimeout => 504, "gateway-timeout", "A service behind the gateway was too slow";
}

impl ProblemType {
    /// `type` as it is written: a path that is also a page that explains it.
    pub fn uri(self) -> String {
        format!("/problems/{}", self.slug())
    }

    /// The type with that slug.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.slug() == slug)
    }
}

/// One error, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `/problems/<slug>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for every problem of this type.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// About this occurrence, for a person to read. Never internals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Named members such as `limit`, `reason` or `retry_after`.
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = std::collections::HashMap<String, Value>)
    )]
    #[serde(flatten)]
    pub members: Map<String, Value>,
}

impl Problem {
    /// A problem of this type, with nothing said about the occurrence.
    pub fn new(kind: ProblemType) -> Self {
        Self {
            kind: kind.uri(),
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: None,
            instance: None,
            members: Map::new(),
        }
    }

    /// Says what happened in this case.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Names the request.
    #[must_use]
    pub fn instance(mut self, request_id: impl Into<String>) -> Self {
        self.instance = Some(request_id.into());
        self
    }

    /// Adds a named member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The type, if this is one of ours.
    pub fn problem_type(&self) -> Option<ProblemType> {
        ProblemType::from_slug(self.kind.strip_prefix("/problems/")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_unique_and_found_again() {
        for kind in ProblemType::ALL {
            assert_eq!(ProblemType::from_slug(kind.slug()), Some(*kind));
        }
    }

    #[test]
    fn members_stand_beside_the_standard_ones() {
        let problem = Problem::new(ProblemType::TooLarge).with("limit", 10);
        let json = serde_json::to_value(&problem).expect("serialises");
        assert_eq!(json["limit"], 10);
        assert_eq!(json["type"], "/problems/too-large");
        let read: Problem = serde_json::from_value(json).expect("parses");
        assert_eq!(read, problem);
        assert_eq!(read.problem_type(), Some(ProblemType::TooLarge));
    }
}
