//! How the place in a list is written; to clients it is opaque.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sluicegate_contract::ids::PostId;
use sluicegate_contract::limits;
use uuid::Uuid;

use crate::post::PostCursor;

impl PostCursor {
    /// Reads what a client sends back. `None` for everything that [`Display`](fmt::Display) does not write.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > limits::CURSOR_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let before = PostId(Uuid::from_slice(&bytes).ok()?);
        Some(Self { before })
    }
}

impl fmt::Display for PostCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.before.0.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_written_and_nothing_else_is() {
        let before: PostId = "01890a5d-ac96-774b-bcce-b302099a8057"
            .parse()
            .expect("an id");
        let cursor = PostCursor { before };
        assert_eq!(PostCursor::parse(&cursor.to_string()), Some(cursor));
        for bad in [
            "",
            "x",
            "01890a5d-ac96-774b-bcce-b302099a8057",
            "AAAA",
            &"A".repeat(5_000),
        ] {
            assert!(PostCursor::parse(bad).is_none(), "{bad:?} must be refused");
        }
    }
}
