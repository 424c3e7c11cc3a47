//! Which component answers a path, with Spin's precedence: an exact route before a wildcard, and of
//! the wildcards the one with the longest prefix.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A route of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Without `/...`, without a trailing slash; empty for the root.
    pub prefix: String,
    /// Whether everything below the prefix matches too.
    pub wildcard: bool,
}

impl Route {
    /// Reads a route; the error says why it is not supported.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Err(format!("route {text:?} must start with '/'"));
        }
        let (prefix, wildcard) = match text.strip_suffix("/...") {
            Some(prefix) => (prefix, true),
            None => (text.strip_suffix('/').unwrap_or(text), false),
        };
        for segment in prefix.split('/') {
            if segment.starts_with(':') {
                return Err(format!(
                    "route {text:?}: named segments ({segment}) are not supported"
                ));
            }
            if segment.contains(['*', '[', ']']) || segment == "..." {
                return Err(format!(
                    "route {text:?}: {segment:?} is not supported (only a trailing '/...')"
                ));
            }
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            wildcard,
        })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.prefix.as_str(), self.wildcard) {
            ("", false) => f.write_str("/"),
            (prefix, true) => write!(f, "{prefix}/..."),
            (prefix, false) => f.write_str(prefix),
        }
    }
}

/// Finds the component of a path.
#[derive(Debug, Default)]
pub struct Router<T> {
    exact: HashMap<String, Arc<T>>,
    /// Longest prefix first.
    wildcards: Vec<(String, Arc<T>)>,
}

impl<T> Router<T> {
    /// A router over these routes, which are distinct.
    pub fn new(routes: impl IntoIterator<Item = (Route, Arc<T>)>) -> Self {
        let mut exact = HashMap::new();
        let mut wildcards = Vec::new();
        for (route, target) in routes {
            if route.wildcard {
                wildcards.push((route.prefix, target));
            } else {
                exact.insert(route.prefix, target);
            }
        }
        wildcards.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Self { exact, wildcards }
    }

    /// Every target; one with several routes comes several times.
    pub fn targets(&self) -> impl Iterator<Item = &T> {
        let wildcards = self.wildcards.iter().map(|(_, target)| target);
        self.exact.values().chain(wildcards).map(AsRef::as_ref)
    }

    /// What answers `path`. As in Spin, one trailing slash makes no difference.
    pub fn find(&self, path: &str) -> Option<&Arc<T>> {
        let path = path.strip_suffix('/').unwrap_or(path);
        self.exact.get(path).or_else(|| {
            self.wildcards
                .iter()
                .find(|(prefix, _)| {
                    path.strip_prefix(prefix.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                })
                .map(|(_, target)| target)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn router(routes: &[&str]) -> Router<String> {
        Router::new(
            routes
                .iter()
                .map(|text| (Route::parse(text).unwrap(), Arc::new((*text).to_owned()))),
        )
    }

    fn find<'a>(router: &'a Router<String>, path: &str) -> &'a str {
        router.find(path).map_or("", |target| target.as_str())
    }

    #[test]
    fn exact_before_wildcard_and_longest_prefix_first() {
        let router = router(&["/...", "/v1/uploads", "/media/...", "/media/big/..."]);
        assert_eq!(find(&router, "/"), "/...");
        assert_eq!(find(&router, "/v1/uploads"), "/v1/uploads");
        assert_eq!(find(&router, "/v1/uploads/"), "/v1/uploads");
        assert_eq!(find(&router, "/v1/uploads/1/complete"), "/...");
        assert_eq!(find(&router, "/media"), "/media/...");
        assert_eq!(find(&router, "/media/x"), "/media/...");
        assert_eq!(find(&router, "/mediation"), "/...");
        assert_eq!(find(&router, "/media/big/x"), "/media/big/...");
    }

    #[test]
    fn routes_are_said_as_they_were_given() {
        for route in ["/", "/...", "/v1/uploads", "/media/..."] {
            assert_eq!(Route::parse(route).unwrap().to_string(), route);
        }
    }

    #[test]
    fn nothing_matches_what_no_route_covers() {
        let router = router(&["/a", "/b/..."]);
        assert_eq!(find(&router, "/"), "");
        assert_eq!(find(&router, "/a/b"), "");
        assert_eq!(find(&router, "/bb"), "");
    }

    #[test]
    fn refuses_what_it_cannot_do() {
        for bad in ["a", "/:id", "/a/*", "/.../a", "/a/[b]"] {
            assert!(Route::parse(bad).is_err(), "{bad}");
        }
    }

    /// The rule, said once more over lists of segments and without any order of evaluation.
    fn expected(routes: &[(Vec<String>, bool)], path: &[String]) -> Option<(usize, bool)> {
        routes
            .iter()
            .filter(|(prefix, wildcard)| {
                if *wildcard {
                    path.starts_with(prefix)
                } else {
                    path == prefix.as_slice()
                }
            })
            .map(|(prefix, wildcard)| (prefix.len(), *wildcard))
            .max_by_key(|(length, wildcard)| (!wildcard, *length))
    }

    fn segments() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[ab]{1,2}", 0..4)
    }

    fn joined(segments: &[String]) -> String {
        segments.iter().flat_map(|s| ["/", s]).collect()
    }

    proptest! {
        #[test]
        fn follows_the_rule_whatever_the_order(
            routes in prop::collection::hash_set((segments(), any::<bool>()), 1..8),
            path in segments(),
        ) {
            let routes: Vec<_> = routes.into_iter().collect();
            let router = Router::new(routes.iter().map(|(segments, wildcard)| {
                let mut text = joined(segments);
                text.push_str(if *wildcard { "/..." } else if text.is_empty() { "/" } else { "" });
                (Route::parse(&text).unwrap(), Arc::new((segments.len(), *wildcard)))
            }));
            let mut text = joined(&path);
            if text.is_empty() { text.push('/'); }
            prop_assert_eq!(router.find(&text).map(|t| **t), expected(&routes, &path));
        }
    }
}
