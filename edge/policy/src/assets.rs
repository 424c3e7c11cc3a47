//! Files of the page: fixed at build time, validated by a hash of their content.

use crate::conditional::{Outcome, evaluate};
use crate::headers::{HeaderList, PAGE_CSP, harden, joined, set};

/// One file.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// The path under which it is served.
    pub path: &'static str,
    /// Its `Content-Type`.
    pub media_type: &'static str,
    /// Its content.
    pub body: &'static [u8],
    hash: u64,
}

impl Asset {
    /// A file; usable in constants.
    pub const fn new(path: &'static str, media_type: &'static str, body: &'static str) -> Self {
        Self {
            path,
            media_type,
            body: body.as_bytes(),
            hash: fnv1a(body.as_bytes()),
        }
    }

    /// Status and headers of the answer to a GET or HEAD; a 304 has no body.
    pub fn answer(&self, request: &HeaderList) -> (u16, HeaderList) {
        let etag = format!("\"{:016x}\"", self.hash);
        let mut headers = HeaderList::new();
        set(&mut headers, "etag", etag.as_str());
        set(&mut headers, "cache-control", "no-cache");
        set(&mut headers, "content-security-policy", PAGE_CSP);
        set(&mut headers, "cross-origin-opener-policy", "same-origin");
        harden(&mut headers);
        let if_none_match = joined(request, "if-none-match");
        if evaluate(None, if_none_match.as_deref(), &etag) == Outcome::NotModified {
            return (304, headers);
        }
        set(&mut headers, "content-type", self.media_type);
        set(&mut headers, "content-length", self.body.len().to_string());
        (200, headers)
    }
}

/// FNV-1a: says that a file changed, and defends against nobody.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0100_0000_01b3);
        rest = tail;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::single;

    #[test]
    fn a_known_file_is_not_sent_again() {
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
        let asset = Asset::new("/", "text/html; charset=utf-8", "<p>");
        let (status, headers) = asset.answer(&HeaderList::new());
        assert_eq!(status, 200);
        assert_eq!(single(&headers, "content-length"), Some("3"));
        assert_eq!(single(&headers, "content-security-policy"), Some(PAGE_CSP));
        let etag = single(&headers, "etag").expect("has one").to_owned();
        let (status, _) = asset.answer(&vec![("if-none-match".into(), etag.into())]);
        assert_eq!(status, 304);
    }
}
