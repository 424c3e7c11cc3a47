//! Headers of a request: what names it, what crosses inward, and what an upload declares.

use sluicegate_contract::headers::{CLIENT_ADDRESS, EDGE_KEY};
use sluicegate_contract::limits;
use sluicegate_policy::admission::{Shape, body_length, file_digest, idempotency_key, shape};
use sluicegate_policy::headers::{HeaderList, Introduction, inward, outward, values};
use sluicegate_policy::trace::{FRESH_BYTES, Trace};

const FRESH: &[u8; FRESH_BYTES] = &[7; FRESH_BYTES];

/// A header a line, name and value apart by a colon.
pub fn run(data: &[u8]) {
    let headers: HeaderList = data
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at_checked(at)?;
            let name = std::str::from_utf8(name).ok()?;
            Some((name.to_owned(), value.get(1..)?.to_vec()))
        })
        .collect();
    declared(&headers);
    let trace = Trace::of(&headers, FRESH);
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(is_plain(&trace.request_id) && is_plain(&trace.traceparent));
    let introduction = Introduction {
        trace: &trace,
        edge_key: Some("the edge's own key"),
        client_address: Some("192.0.2.7"),
    };
    let crossing = inward(&headers, introduction);
    for (name, ours) in [
        (EDGE_KEY, "the edge's own key"),
        (CLIENT_ADDRESS, "192.0.2.7"),
    ] {
        let said: Vec<&[u8]> = values(&crossing, name).collect();
        assert_eq!(said, [ours.as_bytes()], "{name}");
    }
    assert!(values(&crossing, "x-forwarded-for").next().is_none());
    assert!(
        values(&outward(&headers, "r"), "set-cookie")
            .next()
            .is_none()
    );
}

/// What an upload says of its body.
fn declared(headers: &HeaderList) {
    let Ok(shape) = shape(headers) else { return };
    if let Ok(Some(digest)) = file_digest(headers, &shape) {
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        assert!(digest.len() == 64 && digest.bytes().all(is_hex), "{digest}");
        assert!(
            matches!(shape, Shape::Raw),
            "the digest of a form is not the file's"
        );
    }
    let length = body_length(headers, &shape, limits::PICTURE_BYTES);
    if let (Ok(length), Shape::Raw) = (length, &shape) {
        assert!((1..=limits::PICTURE_BYTES).contains(&length));
    }
    if let Ok(Some(key)) = idempotency_key(headers) {
        assert!((1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()));
    }
}
