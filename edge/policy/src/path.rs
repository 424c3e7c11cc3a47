//! Which request targets are looked at at all.
//!
//! Paths are never rewritten: what could be read in two ways by two programs is refused, so that the
//! path that was checked is the path that the origin sees.

/// The longest request target, in bytes.
pub const TARGET_BYTES: usize = 8 * 1024;

/// Why a target is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Longer than [`TARGET_BYTES`].
    #[error("the address is longer than {TARGET_BYTES} bytes")]
    TooLong,
    /// No leading `/`, empty or dot segments, `;` or `\`, encoded separators or dots, broken escapes,
    /// or bytes that do not belong into an address.
    #[error("the path is ambiguous or malformed")]
    Ambiguous,
}

/// A request target whose path has one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// Begins with `/`, without the query.
    pub path: &'a str,
    /// Without the `?`.
    pub query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Splits and checks a request target in origin form.
    pub fn parse(target: &'a str) -> Result<Self, TargetError> {
        if target.len() > TARGET_BYTES {
            return Err(TargetError::TooLong);
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let clean = |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
        if !clean(path) || !query.is_none_or(clean) || !is_unambiguous(path) {
            return Err(TargetError::Ambiguous);
        }
        Ok(Self { path, query })
    }
}

fn is_unambiguous(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    if path.contains(['\\', ';']) || !escapes_are_harmless(path) {
        return false;
    }
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        // One slash at the very end is a path of its own; anywhere else it is an empty segment.
        if (segment.is_empty() && !last) || segment == "." || segment == ".." {
            return false;
        }
    }
    true
}

/// Escapes that are whole and stand for neither separators, dots, `%`, nor control characters.
fn escapes_are_harmless(path: &str) -> bool {
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            continue;
        }
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
            return false;
        };
        let value = high * 16 + low;
        let separates = [0x2e, 0x2f, 0x5c, 0x25, 0x3b, 0x3f, 0x23].contains(&value);
        if separates || value < 0x20 || value == 0x7f {
            return false;
        }
    }
    true
}

/// The values of a query parameter, in order, undecoded.
pub fn query_values<'a>(query: Option<&'a str>, name: &'a str) -> impl Iterator<Item = &'a str> {
    query
        .unwrap_or_default()
        .split('&')
        .filter_map(move |pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then_some(value)
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_targets_pass_unchanged() {
        for target in [
            "/",
            "/v1/posts",
            "/v1/posts/",
            "/v1/profiles/%C3%A4",
            "/a.b-c_d~e",
        ] {
            assert_eq!(
                Target::parse(target),
                Ok(Target {
                    path: target,
                    query: None
                })
            );
        }
        let parsed = Target::parse("/v1/posts?limit=2&cursor=a/../b%2f").expect("parses");
        assert_eq!(
            (parsed.path, parsed.query),
            ("/v1/posts", Some("limit=2&cursor=a/../b%2f"))
        );
    }

    #[test]
    fn tricks_are_refused() {
        let tricks = [
            "",
            "v1",
            "//edge/v1",
            "/v1//x",
            "/v1/../edge/v1/x",
            "/v1/./x",
            "/v1/..",
            "/.",
            "/v1/%2e%2e/edge",
            "/v1/%2E./edge",
            "/v1%2fedge",
            "/v1/..%2Fedge",
            "/v1/%5c..",
            "/v1\\..\\",
            "/v1/%00",
            "/v1/%",
            "/v1/%4",
            "/v1/%zz",
            "/v1/%252e%252e/",
            "/v1/..;/edge",
            "/a b",
            "/a#b",
            "/ä",
            "*",
            "http://elsewhere/v1/x",
            "/v1/%3b",
        ];
        for target in tricks {
            assert_eq!(
                Target::parse(target),
                Err(TargetError::Ambiguous),
                "{target}"
            );
        }
        let long = format!("/{}", "a".repeat(TARGET_BYTES));
        assert_eq!(Target::parse(&long), Err(TargetError::TooLong));
    }

    #[test]
    fn query_values_are_found_by_exact_name() {
        let query = Some("purpose=avatar&xpurpose=1&purpose&purpose=b=c");
        assert_eq!(
            query_values(query, "purpose").collect::<Vec<_>>(),
            ["avatar", "", "b=c"]
        );
        assert_eq!(query_values(None, "purpose").count(), 0);
    }

    /// What a lenient server might make of a path: decode twice, fold slashes, resolve dots.
    fn lenient(path: &str) -> String {
        let mut text = path.to_owned();
        for _ in 0..2 {
            text = decode(&text);
        }
        let mut out: Vec<&str> = Vec::new();
        let text = text.replace('\\', "/");
        for segment in text.split('/') {
            match segment {
                "" | "." => {}
                ".." => {
                    out.pop();
                }
                other => out.push(other),
            }
        }
        format!("/{}", out.join("/"))
    }

    fn decode(text: &str) -> String {
        let bytes = text.as_bytes();
        let mut out = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let escaped = (bytes[at] == b'%')
                .then(|| text.get(at + 1..at + 3))
                .flatten()
                .and_then(|hex| u8::from_str_radix(hex, 16).ok());
            at += if escaped.is_some() { 3 } else { 1 };
            out.push(escaped.unwrap_or(bytes[at - 1]));
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    proptest! {
        #[test]
        fn nothing_under_v1_reaches_another_tree(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "/", "//", ".", "..", "%2e", "%2E", "%2f", "%252f", "%5c", "\\", "edge", "v1", "x", "%",
                ]),
                0..12,
            ),
        ) {
            let target = format!("/v1/{}", parts.concat());
            if let Ok(parsed) = Target::parse(&target) {
                prop_assert!(lenient(parsed.path).starts_with("/v1"), "{target}");
            }
        }

        #[test]
        fn any_text_is_parsed_without_panic(target in "\\PC{0,60}") {
            let _ = Target::parse(&target);
        }
    }
}
