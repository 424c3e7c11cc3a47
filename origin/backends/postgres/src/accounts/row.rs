use sluicegate_contract::ids::AccountId;
use sluicegate_core::account::Account;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::columns;
use crate::shown::shown;

/// Accounts with their pictures, from a statement that gives rows of `accounts`.
macro_rules! account_query {
    ($($source:literal)+ $(, $argument:expr)* $(,)?) => {
        account_query!(with ""; $($source)+ $(, $argument)*)
    };
    (with $($before:literal)+; $($source:literal)+ $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            AccountRow,
            "with " $(+ $before)+ + "a as (" $(+ $source)+ + ")
            select a.id as \"id!\", a.handle as \"handle!\", a.display_name as \"display_name!\",
                a.bio as \"bio!\", a.role as \"role!\", a.created_at as \"created_at!\",
                avatar.id as \"avatar_id?\", avatar.moderation as \"avatar_moderation?\", avatar.width as avatar_width,
                avatar.height as avatar_height, avatar.blurhash as avatar_blurhash,
                header.id as \"header_id?\", header.moderation as \"header_moderation?\", header.width as header_width,
                header.height as header_height, header.blurhash as header_blurhash
            from a
            left join uploads avatar on avatar.id = a.avatar_upload_id
            left join uploads header on header.id = a.profile_header_upload_id",
            $($argument),*
        )
    };
}
pub(super) use account_query;

pub(super) struct AccountRow {
    pub id: Uuid,
    pub handle: String,
    pub display_name: String,
    pub bio: String,
    pub role: String,
    pub created_at: OffsetDateTime,
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

impl AccountRow {
    pub fn read(self) -> sqlx::Result<Account> {
        Ok(Account {
            id: AccountId(self.id),
            role: columns::role(&self.role)?,
            handle: self.handle,
            display_name: self.display_name,
            bio: self.bio,
            avatar: shown(
                self.avatar_id,
                self.avatar_moderation.as_deref(),
                self.avatar_width,
                self.avatar_height,
                self.avatar_blurhash,
            )?,
            profile_header: shown(
                self.header_id,
                self.header_moderation.as_deref(),
                self.header_width,
                self.header_height,
                self.header_blurhash,
            )?,
            created_at: self.created_at.into(),
        })
    }
}
