//! How a picture is answered, once the origin's grant is there.

use sluicegate_contract::media::MediaGrant;
use sluicegate_contract::problem::ProblemType;

use crate::conditional::{Outcome, evaluate, range_counts};
use crate::headers::{HeaderList, MEDIA_CSP, harden, joined, set, single};
use crate::range::{Selection, select};
use crate::refusal::Refusal;

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// 200 without a body; the store is not asked.
    Head,
    /// 304; the store is not asked.
    NotModified,
    /// 412 or 416; the store is not asked.
    Refused(Refusal),
    /// Stream this from the store.
    Fetch(Selection),
}

/// Decides by method and request headers.
pub fn plan(method: &str, request: &HeaderList, grant: &MediaGrant) -> Plan {
    let if_match = joined(request, "if-match");
    let if_none_match = joined(request, "if-none-match");
    match evaluate(if_match.as_deref(), if_none_match.as_deref(), &grant.etag) {
        Outcome::Failed => {
            let detail = "The picture is not the one that If-Match names.";
            return Plan::Refused(Refusal::new(ProblemType::PreconditionFailed, detail));
        }
        Outcome::NotModified => return Plan::NotModified,
        Outcome::Proceed => {}
    }
    if method == "HEAD" {
        return Plan::Head;
    }
    // A header that is there but unreadable is a validator that does not match.
    let if_range = joined(request, "if-range");
    let range = single(request, "range").filter(|_| range_counts(if_range.as_deref(), &grant.etag));
    match select(range, grant.length) {
        Selection::Unsatisfiable => Plan::Refused(
            Refusal::new(
                ProblemType::RangeNotSatisfiable,
                "The range lies outside the picture.",
            )
            .header("content-range", &format!("bytes */{}", grant.length))
            .header("accept-ranges", "bytes"),
        ),
        selection => Plan::Fetch(selection),
    }
}

/// The longest preview token, in bytes.
const PREVIEW_BYTES: usize = 256;

/// The token of a preview's address: of what the origin's own are made of, so that it can be handed on as it
/// is. Another one counts as none.
pub fn preview_token(target: &str) -> Option<&str> {
    let (_, query) = target.split_once('?')?;
    let token = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("preview="))?;
    let ours = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let fits = (1..=PREVIEW_BYTES).contains(&token.len()) && token.bytes().all(ours);
    fits.then_some(token)
}

/// The headers of every answer that shows the picture or says that it is unchanged.
fn validators(grant: &MediaGrant) -> HeaderList {
    let mut headers = HeaderList::new();
    set(&mut headers, "etag", grant.etag.as_str());
    set(&mut headers, "cache-control", grant.cache_control.as_str());
    set(&mut headers, "content-security-policy", MEDIA_CSP);
    harden(&mut headers);
    headers
}

/// The headers of a 304.
pub fn not_modified(grant: &MediaGrant) -> HeaderList {
    validators(grant)
}

/// Status and headers of an answer that carries `selection`, or would if it were no HEAD.
pub fn shown(grant: &MediaGrant, selection: Selection) -> (u16, HeaderList) {
    let mut headers = validators(grant);
    set(&mut headers, "content-type", grant.media_type.as_str());
    set(&mut headers, "accept-ranges", "bytes");
    set(
        &mut headers,
        "content-length",
        selection.len(grant.length).to_string(),
    );
    match selection {
        Selection::Part { first, last } => {
            let range = format!("bytes {first}-{last}/{}", grant.length);
            set(&mut headers, "content-range", range);
            (206, headers)
        }
        Selection::Whole | Selection::Unsatisfiable => (200, headers),
    }
}

/// Whether the store's answer is the one that was asked for: the status, and the length if it says
/// one. Another length means that the object is not the one of the grant.
pub fn is_as_asked(
    grant: &MediaGrant,
    selection: Selection,
    status: u16,
    answered: &HeaderList,
) -> bool {
    let (expected, _) = shown(grant, selection);
    let length = single(answered, "content-length").and_then(|text| text.parse::<u64>().ok());
    status == expected && length.is_none_or(|length| length == selection.len(grant.length))
}

#[cfg(test)]
mod tests {
    use sluicegate_contract::uploads::Moderation;

    use super::*;

    fn grant() -> MediaGrant {
        MediaGrant {
            url: "http://store/media/x".into(),
            etag: "\"abc\"".into(),
            length: 100,
            media_type: "image/webp".into(),
            cache_control: "public, max-age=60".into(),
            state: Moderation::Passed,
        }
    }

    fn with(pairs: &[(&str, &str)]) -> HeaderList {
        pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).into()))
            .collect()
    }

    #[test]
    fn heads_and_unchanged_pictures_never_reach_the_store() {
        assert_eq!(
            plan("HEAD", &with(&[("range", "bytes=0-1")]), &grant()),
            Plan::Head
        );
        let known = with(&[
            ("if-none-match", "\"x\", W/\"abc\""),
            ("range", "bytes=0-1"),
        ]);
        assert_eq!(plan("GET", &known, &grant()), Plan::NotModified);
        assert_eq!(plan("HEAD", &known, &grant()), Plan::NotModified);
        assert!(
            !not_modified(&grant())
                .iter()
                .any(|(name, _)| name == "content-length")
        );
    }

    #[test]
    fn ranges_follow_if_range() {
        let part = Plan::Fetch(Selection::Part {
            first: 10,
            last: 19,
        });
        let range = ("range", "bytes=10-19");
        assert_eq!(plan("GET", &with(&[range]), &grant()), part);
        assert_eq!(
            plan("GET", &with(&[range, ("if-range", "\"abc\"")]), &grant()),
            part
        );
        let whole = Plan::Fetch(Selection::Whole);
        assert_eq!(
            plan("GET", &with(&[range, ("if-range", "\"old\"")]), &grant()),
            whole
        );
        assert_eq!(plan("GET", &with(&[range, range]), &grant()), whole);
        assert_eq!(
            plan("GET", &with(&[("range", "bytes=0-1,5-6")]), &grant()),
            whole
        );
    }

    #[test]
    fn preview_tokens_are_handed_on_as_they_are_or_not_at_all() {
        assert_eq!(preview_token("/media/x?preview=a-Z_0.9"), Some("a-Z_0.9"));
        assert_eq!(preview_token("/media/x?w=1&preview=a"), Some("a"));
        let long = format!("/media/x?preview={}", "a".repeat(257));
        for target in [
            "/media/x",
            "/media/x?",
            "/media/x?preview=",
            "/media/x?previews=a",
            "/media/x?preview=a%20b",
            "/media/x?preview=a/../b",
            &long,
        ] {
            assert_eq!(preview_token(target), None, "{target}");
        }
    }

    #[test]
    fn refusals_say_what_there_is() {
        let Plan::Refused(refusal) = plan("GET", &with(&[("range", "bytes=100-")]), &grant())
        else {
            panic!("outside")
        };
        assert_eq!(refusal.status(), 416);
        let (headers, _) = refusal.render("r");
        assert_eq!(single(&headers, "content-range"), Some("bytes */100"));
        let Plan::Refused(refusal) = plan("GET", &with(&[("if-match", "\"b\"")]), &grant()) else {
            panic!("another")
        };
        assert_eq!(refusal.status(), 412);
    }

    #[test]
    fn what_is_shown_carries_the_grant() {
        let (status, headers) = shown(
            &grant(),
            Selection::Part {
                first: 90,
                last: 99,
            },
        );
        assert_eq!(status, 206);
        let said = |name| single(&headers, name);
        assert_eq!(said("content-range"), Some("bytes 90-99/100"));
        assert_eq!(said("content-length"), Some("10"));
        assert_eq!(said("etag"), Some("\"abc\""));
        assert_eq!(said("cache-control"), Some("public, max-age=60"));
        assert_eq!(said("content-security-policy"), Some(MEDIA_CSP));
        assert_eq!(said("x-content-type-options"), Some("nosniff"));
    }

    #[test]
    fn another_object_is_not_what_was_asked_for() {
        let length = |text| with(&[("content-length", text)]);
        let whole = Selection::Whole;
        assert!(is_as_asked(&grant(), whole, 200, &length("100")));
        assert!(is_as_asked(&grant(), whole, 200, &HeaderList::new()));
        assert!(!is_as_asked(&grant(), whole, 200, &length("99")));
        assert!(!is_as_asked(&grant(), whole, 206, &length("100")));
        let part = Selection::Part { first: 0, last: 9 };
        assert!(is_as_asked(&grant(), part, 206, &length("10")));
        assert!(!is_as_asked(&grant(), part, 200, &length("100")));
    }
}
