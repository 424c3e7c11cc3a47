//! Which uploads are let in, before anybody else is asked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluicegate_contract::limits;
use sluicegate_contract::problem::ProblemType;
use sluicegate_contract::uploads::Purpose;

use crate::headers::{HeaderList, single, values};
use crate::path::query_values;
use crate::refusal::Refusal;
use crate::trace::hex;

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

/// Reads `purpose` of the query: exactly one, of those there are.
pub fn purpose(query: Option<&str>) -> Result<Purpose, Refusal> {
    let mut named = query_values(query, "purpose");
    let purpose = named
        .next()
        .and_then(Purpose::parse)
        .filter(|_| named.next().is_none());
    purpose.ok_or_else(|| {
        let all: Vec<&str> = Purpose::ALL
            .iter()
            .map(|purpose| purpose.as_str())
            .collect();
        Refusal::new(
            ProblemType::InvalidRequest,
            &format!("Name one purpose: ?purpose= and one of {}.", all.join(", ")),
        )
    })
}

/// Refuses bodies that are no bare picture. What type a picture declares does not matter.
pub fn media_type(headers: &HeaderList) -> Result<(), Refusal> {
    let declared = single(headers, "content-type").unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim();
    if essence.to_ascii_lowercase().starts_with("multipart/") {
        return Err(Refusal::new(
            ProblemType::UnsupportedMediaType,
            "Send the picture itself as the body: multipart bodies are not read.",
        ));
    }
    if values(headers, "content-encoding").any(|coding| coding != b"identity") {
        return Err(Refusal::new(
            ProblemType::UnsupportedMediaType,
            "Send the picture without a content encoding.",
        ));
    }
    Ok(())
}

/// The body's length in bytes: declared, not zero, within the limit.
pub fn length(headers: &HeaderList) -> Result<u64, Refusal> {
    let declared = single(headers, "content-length")
        .filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
        .map(|text| text.parse::<u64>().unwrap_or(u64::MAX));
    match declared {
        None => Err(Refusal::new(
            ProblemType::LengthRequired,
            "An upload needs a Content-Length header.",
        )),
        Some(0) => Err(refused("broken", "The body is empty.")),
        Some(length) if length > limits::PICTURE_BYTES => Err(Refusal::new(
            ProblemType::TooLarge,
            &format!("A picture may have {} bytes.", limits::PICTURE_BYTES),
        )
        .with("limit", limits::PICTURE_BYTES)),
        Some(length) => Ok(length),
    }
}

/// The SHA-256 of a `Repr-Digest` header (RFC 9530) in lower-case hex. Other algorithms are passed
/// over, as the standard has it; a malformed header is refused.
pub fn digest(headers: &HeaderList) -> Result<Option<String>, Refusal> {
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(name: &str, value: &str) -> HeaderList {
        vec![(name.into(), value.into())]
    }

    fn reason(result: Result<(), Refusal>) -> (u16, Option<String>) {
        let refusal = result.expect_err("refused");
        let reason = refusal
            .problem()
            .members
            .get("reason")
            .and_then(|r| r.as_str());
        (refusal.status(), reason.map(str::to_owned))
    }

    #[test]
    fn the_length_is_checked_first() {
        let status = |value| length(&header("content-length", value)).map_err(|r| r.status());
        assert_eq!(length(&Vec::new()).map_err(|r| r.status()), Err(411));
        assert_eq!(status("x"), Err(411));
        assert_eq!(status("-1"), Err(411));
        assert_eq!(status("0"), Err(422));
        assert_eq!(status("1"), Ok(1));
        assert_eq!(status("10485760"), Ok(10_485_760));
        assert_eq!(status("10485761"), Err(413));
        assert_eq!(status("99999999999999999999999"), Err(413));
        let refusal = length(&header("content-length", "10485761")).expect_err("too large");
        assert_eq!(refusal.problem().members["limit"], 10_485_760);
    }

    #[test]
    fn the_purpose_is_one_of_three() {
        assert_eq!(purpose(Some("purpose=avatar")), Ok(Purpose::Avatar));
        assert_eq!(
            purpose(Some("x=1&purpose=post_header")),
            Ok(Purpose::PostHeader)
        );
        for query in [
            None,
            Some(""),
            Some("purpose="),
            Some("purpose=Avatar"),
            Some("purpose=avatar&purpose=avatar"),
        ] {
            assert_eq!(
                purpose(query).map_err(|r| r.status()),
                Err(400),
                "{query:?}"
            );
        }
    }

    #[test]
    fn what_was_seen_decides() {
        let picture = |width, height, animated| Seen::Picture {
            width,
            height,
            animated,
        };
        assert_eq!(inspected(picture(4_000, 3_000, false)), Ok(()));
        assert_eq!(inspected(picture(0, 0, false)), Ok(()));
        assert_eq!(inspected(picture(12_000, 4_000, false)), Ok(()));
        assert_eq!(reason(inspected(Seen::Unsupported)), (415, None));
        assert_eq!(
            reason(inspected(Seen::Broken)),
            (422, Some("broken".into()))
        );
        assert_eq!(
            reason(inspected(Seen::NeedMore)),
            (422, Some("broken".into()))
        );
        assert_eq!(
            reason(inspected(picture(9, 9, true))),
            (422, Some("animated".into()))
        );
        for (width, height) in [
            (12_001, 1),
            (1, 12_001),
            (12_000, 4_167),
            (u32::MAX, u32::MAX),
        ] {
            let (status, reason) = reason(inspected(picture(width, height, false)));
            assert_eq!((status, reason.as_deref()), (422, Some("too_many_pixels")));
        }
    }

    #[test]
    fn multipart_and_encodings_wait_outside() {
        let status = |name, value| media_type(&header(name, value)).map_err(|r| r.status());
        assert_eq!(
            status("content-type", "Multipart/Form-Data; boundary=x"),
            Err(415)
        );
        assert_eq!(status("content-encoding", "gzip"), Err(415));
        assert_eq!(status("content-type", "text/plain"), Ok(()));
        assert_eq!(media_type(&Vec::new()), Ok(()));
    }

    #[test]
    fn the_digest_becomes_hex() {
        let empty = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(&header("repr-digest", empty)), Ok(Some(hex.into())));
        let more = format!("sha-512=:AA==:, {empty}");
        assert_eq!(digest(&header("repr-digest", &more)), Ok(Some(hex.into())));
        assert_eq!(digest(&header("repr-digest", "sha-512=:AA==:")), Ok(None));
        assert_eq!(digest(&Vec::new()), Ok(None));
        for value in [
            "sha-256=:AA==:",
            "sha-256=x",
            "x",
            "",
            &format!("{empty},{empty}"),
        ] {
            assert_eq!(
                digest(&header("repr-digest", value)).map_err(|r| r.status()),
                Err(400)
            );
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_panic(value in prop::collection::vec(any::<u8>(), 0..80)) {
            for name in ["content-length", "content-type", "repr-digest"] {
                let headers = vec![(name.to_owned(), value.clone())];
                let _ = (length(&headers), media_type(&headers), digest(&headers));
            }
        }
    }
}
