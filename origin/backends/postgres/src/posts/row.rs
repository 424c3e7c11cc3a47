use sluicegate_contract::ids::{AccountId, PostId};
use sluicegate_core::post::{Post, PostAuthor};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::columns;
use crate::shown::shown;

/// Posts with their authors and pictures, newest first, from `with` queries, of which `p` gives
/// rows of `posts`.
macro_rules! post_query {
    ($($with:literal)+ $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            PostRow,
            "with " $(+ $with)+ + "
            select p.id as \"id!\", p.body as \"body!\", p.moderation as \"moderation!\",
                p.created_at as \"created_at!\",
                author.id as \"author_id!\", author.handle as \"author_handle!\",
                author.display_name as \"author_display_name!\",
                avatar.id as \"avatar_id?\", avatar.moderation as \"avatar_moderation?\", avatar.width as avatar_width,
                avatar.height as avatar_height, avatar.blurhash as avatar_blurhash,
                header.id as \"header_id?\", header.moderation as \"header_moderation?\", header.width as header_width,
                header.height as header_height, header.blurhash as header_blurhash
            from p
            join accounts author on author.id = p.author_id
            left join uploads avatar on avatar.id = author.avatar_upload_id
            left join uploads header on header.id = p.header_upload_id
            order by p.id desc",
            $($argument),*
        )
    };
}
pub(super) use post_query;

pub(super) struct PostRow {
    pub id: Uuid,
    pub body: String,
    pub moderation: String,
    pub created_at: OffsetDateTime,
    pub author_id: Uuid,
    pub author_handle: String,
    pub author_display_name: String,
    pub avatar_id: Option<Uuid>,
    pub avatar_moderation: Option<String>,
    pub avatar_width: Option<i32>,
    pub avatar_height: Option<i32>,
    pub avatar_blurhash: Option<String>,
    pub header_id: Option<Uuid>,
    pub header_moderation: Option<String>,
    pub header_width: Option<i32>,
    pub header_height: Option<i32>,
    pub header_blurhash: Option<String>,
}

impl PostRow {
    pub fn read(self) -> sqlx::Result<Post> {
        Ok(Post {
            id: PostId(self.id),
            author: PostAuthor {
                id: AccountId(self.author_id),
                handle: self.author_handle,
                display_name: self.author_display_name,
                avatar: shown(
                    self.avatar_id,
                    self.avatar_moderation.as_deref(),
                    self.avatar_width,
                    self.avatar_height,
                    self.avatar_blurhash,
                )?,
            },
            body: self.body,
            header: shown(
                self.header_id,
                self.header_moderation.as_deref(),
                self.header_width,
                self.header_height,
                self.header_blurhash,
            )?,
            moderation: columns::moderation(&self.moderation)?,
            created_at: self.created_at.into(),
        })
    }
}
