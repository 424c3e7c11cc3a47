//! Request targets and absolute addresses: what passes has one reading.

use sluicegate_policy::path::Target;
use sluicegate_policy::routes::{Route, route};
use sluicegate_policy::url::HttpUrl;

/// The bytes as a target, and as an address.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(url) = HttpUrl::parse(text) {
        assert!(url.path_and_query.starts_with('/'));
        assert!(!url.authority.contains(['@', '/', '?']));
        let joined = url.join("/v1/me");
        assert_eq!(joined.authority, url.authority);
        assert!(joined.path_and_query.ends_with("/v1/me"));
    }
    let target = Target::parse(text);
    for method in ["GET", "HEAD", "POST", "OPTIONS", "BREW"] {
        let route = route(method, text, |path| path == "/" || path == "/app.js");
        assert_eq!(matches!(route, Route::BadTarget(_)), target.is_err());
        if let (Route::Media(key), Ok(target)) = (route, target) {
            assert_eq!(target.path, key.url(), "a picture has one address");
        }
    }
    if let Ok(target) = target {
        assert!(target.path.starts_with('/'));
        for spelling in [target.path.to_owned(), decoded(target.path)] {
            assert!(
                !spelling.contains(['\\', ';', '#', '\0', '\n', '\r']),
                "{spelling}"
            );
            assert!(!spelling.contains("//"), "{spelling}");
            let is_dots = |segment: &str| segment == "." || segment == "..";
            assert!(!spelling.split('/').any(is_dots), "{spelling}");
        }
        assert_eq!(
            decoded(target.path).matches('/').count(),
            target.path.matches('/').count()
        );
    }
}

/// With each escape resolved once, as a lenient server would.
fn decoded(path: &str) -> String {
    let mut out = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let escape = behind
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match escape {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
