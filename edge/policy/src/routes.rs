//! What the gateway does with a request, by method and path.

use sluicegate_contract::media::MediaKey;

use crate::path::{Target, TargetError};

/// What an API call demands of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The body carries the credentials; a token in the header is not handed on, since an expired one
    /// must not keep anybody from signing in.
    Anonymous,
    /// Open to all; a token that is sent must be valid.
    Public,
    /// A valid token is needed.
    Token,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Hand it to the origin.
    Api(Access),
    /// A picture.
    Media(MediaKey),
    /// A file of the page.
    Page,
    /// Say that the gateway lives.
    Health,
    /// The path is known, the method is not; these are the methods of `Allow`.
    WrongMethod(&'static str),
    /// There is no such path.
    Unknown,
    /// The path cannot be looked at.
    BadTarget(TargetError),
}

/// What the read-only paths allow.
pub const READ: &str = "GET, HEAD";
/// What the API allows.
pub const API: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Finds the route. `target` is path and query as the client sent them; `is_page` says which paths
/// are files of the page.
pub fn route(method: &str, target: &str, is_page: impl Fn(&str) -> bool) -> Route {
    let path = match Target::parse(target) {
        Ok(target) => target.path,
        Err(error) => return Route::BadTarget(error),
    };
    if let Some(rest) = path.strip_prefix("/v1/") {
        return match method {
            "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" => {
                Route::Api(access(method, rest))
            }
            _ => Route::WrongMethod(API),
        };
    }
    if !reads(method) {
        let known = is_read_only(path) || is_page(path);
        return if known {
            Route::WrongMethod(READ)
        } else {
            Route::Unknown
        };
    }
    if is_document(path) {
        return Route::Api(Access::Public);
    }
    if let Some(name) = path.strip_prefix("/media/") {
        return name.parse().map_or(Route::Unknown, Route::Media);
    }
    match path {
        "/healthz" => Route::Health,
        _ if is_page(path) => Route::Page,
        _ => Route::Unknown,
    }
}

fn reads(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

fn is_read_only(path: &str) -> bool {
    is_document(path) || path.starts_with("/media/") || path == "/healthz"
}

/// What the origin publishes beside the API.
fn is_document(path: &str) -> bool {
    matches!(
        path,
        "/.well-known/jwks.json" | "/openapi.json" | "/docs" | "/problems"
    ) || path.starts_with("/docs/")
        || path.starts_with("/problems/")
}

/// `path` is what follows `/v1/`. What is not known to be open needs a token.
fn access(method: &str, path: &str) -> Access {
    let under = |prefix: &str| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty())
    };
    match method {
        "POST" if matches!(path, "accounts" | "sessions" | "sessions/refresh") => Access::Anonymous,
        "GET" | "HEAD" if path == "posts" || under("posts/") || under("profiles/") => {
            Access::Public
        }
        _ => Access::Token,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(method: &str, target: &str) -> Route {
        super::route(method, target, |path| matches!(path, "/" | "/app.js"))
    }

    const KEY: &str = "0193a5c0-0000-7000-8000-000000000001.webp";

    #[test]
    fn the_api_is_forwarded_with_the_access_it_needs() {
        let cases = [
            ("POST", "/v1/accounts", Access::Anonymous),
            ("POST", "/v1/sessions", Access::Anonymous),
            ("POST", "/v1/sessions/refresh", Access::Anonymous),
            ("DELETE", "/v1/sessions/current", Access::Token),
            ("GET", "/v1/me", Access::Token),
            ("GET", "/v1/profiles/ada", Access::Public),
            ("GET", "/v1/profiles/ada/posts?limit=5", Access::Public),
            ("HEAD", "/v1/posts?limit=5", Access::Public),
            ("GET", "/v1/posts/1", Access::Public),
            ("GET", "/v1/postsmith", Access::Token),
            ("GET", "/v1/accounts", Access::Token),
            ("POST", "/v1/posts", Access::Token),
            ("DELETE", "/v1/posts/1", Access::Token),
            ("GET", "/v1/uploads/1/events", Access::Token),
            ("GET", "/v1/%70osts", Access::Token),
            ("GET", "/.well-known/jwks.json", Access::Public),
            ("GET", "/problems", Access::Public),
            ("GET", "/problems/too-large", Access::Public),
            ("GET", "/openapi.json", Access::Public),
            ("GET", "/docs", Access::Public),
            ("GET", "/docs/x.js", Access::Public),
        ];
        for (method, target, access) in cases {
            assert_eq!(
                route(method, target),
                Route::Api(access),
                "{method} {target}"
            );
        }
    }

    #[test]
    fn the_inner_surface_is_never_forwarded() {
        for target in [
            "/edge/v1/media/1",
            "/edge/",
            "/livez/x",
            "/metrics/",
            "/.well-known/x",
        ] {
            assert_eq!(route("GET", target), Route::Unknown, "{target}");
            assert_eq!(route("POST", target), Route::Unknown, "{target}");
        }
        for target in ["/v1/../edge/v1/media/1", "//edge/v1/x", "/v1/%2e%2e/edge/x"] {
            assert_eq!(
                route("GET", target),
                Route::BadTarget(TargetError::Ambiguous),
                "{target}"
            );
        }
    }

    #[test]
    fn pictures_pages_and_health_are_read_only() {
        assert_eq!(
            route("HEAD", &format!("/media/{KEY}")),
            Route::Media(KEY.parse().expect("a key"))
        );
        assert_eq!(route("GET", "/media/x.webp"), Route::Unknown);
        assert_eq!(
            route("GET", &format!("/media/{}", KEY.to_uppercase())),
            Route::Unknown
        );
        assert_eq!(route("GET", "/"), Route::Page);
        assert_eq!(route("GET", "/app.js"), Route::Page);
        assert_eq!(route("GET", "/other.js"), Route::Unknown);
        assert_eq!(route("POST", "/other.js"), Route::Unknown);
        assert_eq!(route("GET", "/healthz"), Route::Health);
        for target in ["/", "/healthz", &format!("/media/{KEY}"), "/openapi.json"] {
            assert_eq!(route("POST", target), Route::WrongMethod(READ), "{target}");
        }
        assert_eq!(route("TRACE", "/v1/me"), Route::WrongMethod(API));
    }

    proptest! {
        #[test]
        fn only_named_trees_are_forwarded(method in "GET|POST|PUT", target in "/[a-z0-9/.%?]{0,30}") {
            if let Route::Api(_) = route(&method, &target) {
                let named = ["/v1/", "/problems", "/docs", "/openapi.json", "/.well-known/jwks.json"];
                prop_assert!(named.iter().any(|tree| target.starts_with(tree)));
            }
        }
    }
}
