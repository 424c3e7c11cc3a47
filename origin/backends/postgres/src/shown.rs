use sluicegate_contract::ids::UploadId;
use sluicegate_core::account::ShownPicture;
use uuid::Uuid;

use crate::columns::{self, unsigned};

/// A picture as a left join finds it; nothing where there is no `id`.
pub(crate) fn shown(
    id: Option<Uuid>,
    moderation: Option<&str>,
    width: Option<i32>,
    height: Option<i32>,
    blurhash: Option<String>,
) -> sqlx::Result<Option<ShownPicture>> {
    let (Some(id), Some(moderation)) = (id, moderation) else {
        return Ok(None);
    };
    Ok(Some(ShownPicture {
        upload: UploadId(id),
        moderation: columns::moderation(moderation)?,
        width: width.map(unsigned).transpose()?,
        height: height.map(unsigned).transpose()?,
        blurhash,
    }))
}
