//! Preconditions (RFC 9110, 13) on a representation whose entity tag is known.

/// What the preconditions say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Go on.
    Proceed,
    /// The client has it: 304.
    NotModified,
    /// `If-Match` does not hold: 412.
    Failed,
}

/// Evaluates `If-Match` and then `If-None-Match` of a GET or HEAD, in the standard's order.
pub fn evaluate(if_match: Option<&str>, if_none_match: Option<&str>, etag: &str) -> Outcome {
    if if_match.is_some_and(|list| !matches_any(list, etag, strong)) {
        return Outcome::Failed;
    }
    if if_none_match.is_some_and(|list| matches_any(list, etag, weak)) {
        return Outcome::NotModified;
    }
    Outcome::Proceed
}

/// Whether `Range` counts beside this `If-Range`. We hand out no dates, so a date never matches.
pub fn range_counts(if_range: Option<&str>, etag: &str) -> bool {
    if_range.is_none_or(|validator| strong(validator.trim(), etag))
}

fn matches_any(list: &str, etag: &str, same: fn(&str, &str) -> bool) -> bool {
    list.trim() == "*" || Tags(list).any(|tag| same(tag, etag))
}

fn strong(left: &str, right: &str) -> bool {
    !is_weak(left) && !is_weak(right) && left == right
}

fn weak(left: &str, right: &str) -> bool {
    opaque(left) == opaque(right)
}

fn is_weak(tag: &str) -> bool {
    tag.starts_with("W/")
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// The entity tags of a list; ends at the first thing that is none. Commas may stand inside a tag.
struct Tags<'a>(&'a str);

impl<'a> Iterator for Tags<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start_matches([' ', '\t', ',']);
        let quoted = opaque(text).strip_prefix('"')?;
        let prefix = text.len() - quoted.len();
        let end = prefix + quoted.find('"')? + 1;
        let (tag, rest) = text.split_at_checked(end)?;
        self.0 = rest;
        Some(tag)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn if_none_match_compares_weakly() {
        for list in [
            "\"a\"",
            "W/\"a\"",
            "\"x\", \"a\"",
            "*",
            "\"b,c\" , W/\"a\"",
            ",\"a\"",
        ] {
            assert_eq!(
                evaluate(None, Some(list), "\"a\""),
                Outcome::NotModified,
                "{list}"
            );
        }
        for list in ["\"b\"", "a", "\"a", "", "\"b\" x \"a\"", "w/\"a\""] {
            assert_eq!(
                evaluate(None, Some(list), "\"a\""),
                Outcome::Proceed,
                "{list}"
            );
        }
    }

    #[test]
    fn if_match_compares_strongly_and_comes_first() {
        assert_eq!(evaluate(Some("\"a\""), None, "\"a\""), Outcome::Proceed);
        assert_eq!(evaluate(Some("*"), None, "\"a\""), Outcome::Proceed);
        assert_eq!(evaluate(Some("W/\"a\""), None, "\"a\""), Outcome::Failed);
        assert_eq!(
            evaluate(Some("\"b\""), Some("\"a\""), "\"a\""),
            Outcome::Failed
        );
        assert_eq!(
            evaluate(Some("\"a\""), Some("\"a\""), "\"a\""),
            Outcome::NotModified
        );
    }

    #[test]
    fn if_range_must_be_the_same_strong_tag() {
        assert!(range_counts(None, "\"a\""));
        assert!(range_counts(Some("\"a\""), "\"a\""));
        for validator in ["\"b\"", "W/\"a\"", "Tue, 24 Nov 2026 17:00:00 GMT", ""] {
            assert!(!range_counts(Some(validator), "\"a\""), "{validator}");
        }
    }

    proptest! {
        #[test]
        fn any_list_is_read_to_its_end(list in "\\PC{0,60}") {
            prop_assert!(Tags(&list).count() <= 60);
        }
    }
}
