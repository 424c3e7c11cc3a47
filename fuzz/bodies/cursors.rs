//! The cursor of a page: one spelling each, and nothing else.

use sluicegate_core::post::PostCursor;

/// The bytes as a client's cursor.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(cursor) = PostCursor::parse(text) {
        assert_eq!(cursor.to_string(), text, "a cursor has one spelling");
    }
}
