//! Pages of posts. A cursor names the last post of the page before; to clients it is opaque.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sluicegate_contract::ids::PostId;
use sluicegate_contract::limits;
use sluicegate_contract::page::{Page, PageQuery};
use sluicegate_contract::posts as wire;
use sluicegate_core::post::{Post, PostCursor};
use uuid::Uuid;

use crate::error::ApiError;
use crate::views;

/// Which page is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageRequest {
    pub(crate) cursor: Option<PostCursor>,
    limit: u32,
}

impl PageRequest {
    /// `most` items at most.
    pub(crate) fn parse(query: &PageQuery, most: u32) -> Result<Self, ApiError> {
        let limit = query.limit.unwrap_or(limits::PAGE_SIZE.min(most));
        if !(1..=most).contains(&limit) {
            let detail = format!("limit must be 1 to {most}.");
            return Err(ApiError::invalid(detail).with("field", "limit"));
        }
        Ok(Self {
            cursor: query.cursor.as_deref().map(read_cursor).transpose()?,
            limit,
        })
    }

    /// How many to read: one more than are shown tells whether there is another page.
    pub(crate) fn to_read(self) -> u32 {
        self.limit + 1
    }

    /// Of at most [`Self::to_read`] posts.
    pub(crate) fn page(self, mut posts: Vec<Post>) -> Page<wire::Post> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = posts.len() > limit;
        posts.truncate(limit);
        let next = posts
            .last()
            .filter(|_| more)
            .map(|post| write_cursor(post.id));
        Page {
            items: posts.into_iter().map(views::post).collect(),
            next,
        }
    }
}

fn write_cursor(last: PostId) -> String {
    URL_SAFE_NO_PAD.encode(last.0.as_bytes())
}

fn read_cursor(text: &str) -> Result<PostCursor, ApiError> {
    let wrong = || ApiError::invalid("cursor is not one of ours.").with("field", "cursor");
    if text.len() > limits::CURSOR_BYTES {
        return Err(wrong());
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    let id = Uuid::from_slice(&bytes).map_err(|_| wrong())?;
    Ok(PostCursor { before: PostId(id) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_written_and_nothing_else_is() {
        let id: PostId = "01890a5d-ac96-774b-bcce-b302099a8057"
            .parse()
            .expect("an id");
        assert_eq!(read_cursor(&write_cursor(id)).expect("ours").before, id);
        for bad in [
            "",
            "x",
            "01890a5d-ac96-774b-bcce-b302099a8057",
            "AAAA",
            &"A".repeat(5_000),
        ] {
            assert!(read_cursor(bad).is_err(), "{bad:?} must be refused");
        }
    }

    #[test]
    fn limits_are_1_to_the_most() {
        let parse = |limit, most| {
            let cursor = None;
            PageRequest::parse(&PageQuery { limit, cursor }, most)
        };
        assert!(parse(Some(0), 100).is_err());
        assert!(parse(Some(101), 100).is_err());
        for (limit, most, to_read) in [(None, 100, 21), (Some(100), 100, 101), (None, 5, 6)] {
            assert_eq!(parse(limit, most).expect("fine").to_read(), to_read);
        }
    }
}
