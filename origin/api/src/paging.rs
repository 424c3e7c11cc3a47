//! Pages of posts. A cursor names the last post of the page before; to clients it is opaque.

use sluicegate_contract::limits;
use sluicegate_contract::page::{Page, PageQuery};
use sluicegate_contract::posts as wire;
use sluicegate_core::post::{Post, PostCursor};

use crate::error::ApiError;
use crate::views::Eyes;

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

    /// Its size, if it is the first one: only those are asked for by many.
    pub(crate) fn first(self) -> Option<u32> {
        self.cursor.is_none().then_some(self.limit)
    }

    /// How many to read: one more than are shown tells whether there is another page.
    pub(crate) fn to_read(self) -> u32 {
        self.limit + 1
    }

    /// Of at most [`Self::to_read`] posts.
    pub(crate) fn page(self, mut posts: Vec<Post>, eyes: &Eyes) -> Page<wire::Post> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = posts.len() > limit;
        posts.truncate(limit);
        let next = posts
            .last()
            .filter(|_| more)
            .map(|post| PostCursor { before: post.id }.to_string());
        Page {
            items: posts.into_iter().map(|post| eyes.post(post)).collect(),
            next,
        }
    }
}

fn read_cursor(text: &str) -> Result<PostCursor, ApiError> {
    PostCursor::parse(text)
        .ok_or_else(|| ApiError::invalid("cursor is not one of ours.").with("field", "cursor"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
