//! Ranges and preconditions, alone and together as a picture is asked for.

#![expect(clippy::expect_used, reason = "the constant fits")]

use sluicegate_contract::media::MediaGrant;
use sluicegate_policy::conditional::{Outcome, evaluate, range_counts};
use sluicegate_policy::headers::HeaderList;
use sluicegate_policy::media::{Plan, plan, shown};
use sluicegate_policy::range::{Selection, select};

const ETAG: &str = "\"e3b0c442\"";
const GRANT: &str = r#"{"url":"http://127.0.0.1:9/p/a","etag":"\"e3b0c442\"","length":1000,
    "type":"image/webp","cache_control":"public, max-age=60","state":"unreviewed"}"#;
const LENGTHS: [u64; 4] = [0, 1, 1_000, u64::MAX];

/// A header a line: `Range`, `If-Range`, `If-Match`, `If-None-Match`.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let [range, if_range, if_match, if_none_match] =
        std::array::from_fn(|_| lines.next().filter(|line| !line.is_empty()));
    for length in LENGTHS {
        let selection = select(range, length);
        if let Selection::Part { first, last } = selection {
            assert!(first <= last && last < length, "{selection:?} of {length}");
            assert_eq!(selection.len(length), last - first + 1);
            // What is sent on means the same to the store.
            assert_eq!(select(selection.to_range().as_deref(), length), selection);
        }
    }
    let outcome = evaluate(if_match, if_none_match, ETAG);
    if outcome == Outcome::NotModified {
        let list = if_none_match.unwrap_or_default();
        assert!(list.trim() == "*" || list.contains(ETAG), "{list}");
    }
    if if_range.is_some() && range_counts(if_range, ETAG) {
        assert_eq!(if_range.map(str::trim), Some(ETAG));
    }
    together(range, if_range, if_match, if_none_match, outcome);
}

fn together(
    range: Option<&str>,
    if_range: Option<&str>,
    if_match: Option<&str>,
    if_none_match: Option<&str>,
    outcome: Outcome,
) {
    let grant: MediaGrant = serde_json::from_str(GRANT).expect("a grant");
    let names = ["range", "if-range", "if-match", "if-none-match"];
    let headers: HeaderList = names
        .into_iter()
        .zip([range, if_range, if_match, if_none_match])
        .filter_map(|(name, value)| Some((name.to_owned(), value?.as_bytes().to_vec())))
        .collect();
    for method in ["GET", "HEAD"] {
        let plan = plan(method, &headers, &grant);
        assert_eq!(plan == Plan::NotModified, outcome == Outcome::NotModified);
        if let Plan::Fetch(selection) = plan {
            let (status, _) = shown(&grant, selection);
            assert!(status == 200 || status == 206);
        }
    }
}
