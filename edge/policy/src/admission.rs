//! Which uploads are let in, before anybody else is asked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluicegate_contract::headers::{IDEMPOTENCY_KEY, is_idempotency_key};
use sluicegate_contract::limits;
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::uploads::Purpose;

use crate::headers::{HeaderList, single, values};
use crate::multipart::Boundary;
use crate::path::query_values;
use crate::refusal::Refusal;
use crate::trace::hex;

/// How much longer than its file a form may be at most: the opening, and the closing delimiter.
const FORM_AROUND: u64 = limits::FORM_OPENING as u64 + 128;

/// What an inspector said of the first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// A picture; pixels are 0 where its head does not tell.
    Picture {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// More than one frame.
        animated: bool,
    },
    /// It wants more bytes than there are.
    NeedMore,
    /// Not JPEG, PNG or WebP.
    Unsupported,
    /// One of those, but not whole.
    Broken,
}

/// Reads `purpose` of the query: at most one, of those there are.
pub fn purpose(query: Option<&str>) -> Result<Option<Purpose>, Refusal> {
    let mut named = query_values(query, "purpose");
    match (named.next(), named.next()) {
        (None, _) => Ok(None),
        (Some(name), None) => Purpose::parse(name).map(Some).ok_or_else(no_purpose),
        (Some(_), Some(_)) => Err(no_purpose()),
    }
}

/// The one purpose: of the query, or of a form's field. Both may name it if they agree.
pub fn one_purpose(query: Option<Purpose>, field: Option<Purpose>) -> Result<Purpose, Refusal> {
    match (query, field) {
        (Some(query), Some(field)) if query != field => Err(Refusal::new(
            ProblemType::InvalidRequest,
            "Address and form name different purposes.",
        )),
        (query, field) => query.or(field).ok_or_else(no_purpose),
    }
}

fn no_purpose() -> Refusal {
    let all: Vec<&str> = Purpose::ALL
        .iter()
        .map(|purpose| purpose.as_str())
        .collect();
    Refusal::new(
        ProblemType::InvalidRequest,
        &format!("Name one purpose: ?purpose= and one of {}.", all.join(", ")),
    )
}

/// What the body of an upload is.
#[derive(Debug, Clone)]
pub enum Shape {
    /// The picture itself.
    Raw,
    /// A form with the picture in it.
    Form(Box<Boundary>),
}

/// Reads what the body is. What type a picture declares does not matter.
pub fn shape(headers: &HeaderList) -> Result<Shape, Refusal> {
    if values(headers, "content-encoding").any(|coding| coding != b"identity") {
        return Err(Refusal::new(
            ProblemType::UnsupportedMediaType,
            "Send the picture without a content encoding.",
        ));
    }
    let declared = single(headers, "content-type").unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    if essence == "multipart/form-data" {
        return Ok(Shape::Form(Box::new(Boundary::of(declared)?)));
    }
    if essence.starts_with("multipart/") {
        return Err(Refusal::new(
            ProblemType::UnsupportedMediaType,
            "Send the picture itself, or multipart/form-data with it.",
        ));
    }
    Ok(Shape::Raw)
}

/// The body's length in bytes: declared, not zero, and of a file within `limit`; a form may be longer by
/// what stands around its file.
pub fn body_length(headers: &HeaderList, shape: &Shape, limit: u64) -> Result<u64, Refusal> {
    let declared = single(headers, "content-length")
        .filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
        .map(|text| text.parse::<u64>().unwrap_or(u64::MAX));
    let Some(length) = declared else {
        return Err(Refusal::new(
            ProblemType::LengthRequired,
            "An upload needs a Content-Length header.",
        ));
    };
    match shape {
        Shape::Raw => file_length(length, limit)?,
        Shape::Form(_) if length > limit.saturating_add(FORM_AROUND) => {
            return Err(too_large(limit));
        }
        Shape::Form(_) => {}
    }
    Ok(length)
}

/// Refuses files that are empty or longer than `limit`.
pub fn file_length(length: u64, limit: u64) -> Result<(), Refusal> {
    match length {
        0 => Err(refused("broken", "The file is empty.")),
        _ if length > limit => Err(too_large(limit)),
        _ => Ok(()),
    }
}

fn too_large(limit: u64) -> Refusal {
    Refusal::new(
        ProblemType::TooLarge,
        &format!("A picture may have {limit} bytes."),
    )
    .with("limit", limit)
}

/// The digest that came with an upload; none may come with a form.
pub fn file_digest(headers: &HeaderList, shape: &Shape) -> Result<Option<String>, Refusal> {
    match shape {
        Shape::Raw => digest(headers),
        Shape::Form(_) if values(headers, "repr-digest").next().is_some() => Err(Refusal::new(
            ProblemType::InvalidRequest,
            "Repr-Digest would be that of the form, not of the file: send the picture itself.",
        )),
        Shape::Form(_) => Ok(None),
    }
}

/// The SHA-256 of a `Repr-Digest` header (RFC 9530) in lower-case hex. Other algorithms are passed
/// over, as the standard has it; a malformed header is refused.
fn digest(headers: &HeaderList) -> Result<Option<String>, Refusal> {
    let refusal = || {
        Refusal::new(
            ProblemType::InvalidRequest,
            "Repr-Digest is not of the form sha-256=:<base64>:.",
        )
    };
    let Some(header) = crate::headers::joined(headers, "repr-digest") else {
        return Ok(None);
    };
    let mut sha256 = None;
    for member in header.split(',') {
        let (algorithm, value) = member.split_once('=').ok_or_else(refusal)?;
        if algorithm.trim() != "sha-256" {
            continue;
        }
        let text = value
            .trim()
            .strip_prefix(':')
            .and_then(|text| text.strip_suffix(':'));
        let bytes = text
            .and_then(|text| STANDARD.decode(text).ok())
            .ok_or_else(refusal)?;
        if bytes.len() != 32 || sha256.is_some() {
            return Err(refusal());
        }
        sha256 = Some(hex(&bytes));
    }
    Ok(sha256)
}

/// The name that the client gives the upload, so that a repeat is the same upload.
pub fn idempotency_key(headers: &HeaderList) -> Result<Option<&str>, Refusal> {
    if values(headers, IDEMPOTENCY_KEY).next().is_none() {
        return Ok(None);
    }
    match single(headers, IDEMPOTENCY_KEY).filter(|text| is_idempotency_key(text)) {
        Some(key) => Ok(Some(key)),
        None => Err(Refusal::new(
            ProblemType::InvalidRequest,
            "Idempotency-Key must be one, of 1 to 255 visible ASCII characters.",
        )),
    }
}

/// What tells a file from others of its length: the SHA-256 of the beginning that is inspected, in lower-case hex.
pub fn head_sha256(head: &[u8]) -> String {
    hex(&hmac_sha256::Hash::hash(head))
}

/// Decides on what the inspector saw.
pub fn inspected(seen: Seen) -> Result<(), Refusal> {
    match seen {
        Seen::Unsupported => Err(Refusal::new(
            ProblemType::UnsupportedMediaType,
            "The content is neither JPEG, PNG nor WebP, whatever its name says.",
        )),
        Seen::Broken | Seen::NeedMore => Err(refused("broken", "The picture is broken.")),
        Seen::Picture { animated: true, .. } => {
            Err(refused("animated", "Animated pictures are not accepted."))
        }
        Seen::Picture { width, height, .. } if too_many_pixels(width, height) => Err(refused(
            "too_many_pixels",
            &format!(
                "A picture may have {} pixels a side and {} in all.",
                limits::PICTURE_SIDE,
                limits::PICTURE_PIXELS
            ),
        )),
        Seen::Picture { .. } => Ok(()),
    }
}

fn too_many_pixels(width: u32, height: u32) -> bool {
    width.max(height) > limits::PICTURE_SIDE
        || u64::from(width) * u64::from(height) > limits::PICTURE_PIXELS
}

fn refused(reason: &str, detail: &str) -> Refusal {
    Refusal::new(ProblemType::PictureRefused, detail).with("reason", reason)
}

#[cfg(test)]
mod tests;
