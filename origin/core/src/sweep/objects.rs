//! What the store's own lists show that no row needs: walks over whole folders, some pages in each run.

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::media::MediaKey;
use sluicegate_contract::uploads::UploadState;

use super::{Sweep, length};
use crate::error::PortError;
use crate::ports::ListedObject;
use crate::upload::{MEDIA, STAGING, media_object};

/// One folder, and how far it was walked through.
struct Walk {
    name: &'static str,
    folder: &'static str,
    /// The upload that an object belongs to; `None` if the name is not one of ours.
    upload: fn(&str) -> Option<UploadId>,
}

const STAGED: Walk = Walk {
    name: "staged objects",
    folder: STAGING,
    upload: staged_upload,
};
const PICTURES: Walk = Walk {
    name: "media objects",
    folder: MEDIA,
    upload: media_upload,
};

impl Sweep {
    /// Clients' files that were put late, or could not be deleted. In a bucket that may be another database's only those
    /// of which a row says so.
    pub(super) async fn sweep_staging(&self, is_ours: bool) -> Result<u64, PortError> {
        let old = self.before(self.rules.unknown_after);
        self.walk(&STAGED, |object, state| match state {
            None => is_ours && object.modified <= old,
            Some(state) => !needs_staged(state),
        })
        .await
    }

    /// Pictures whose row is gone, and those that were stored again when nobody looked any more: their maker was
    /// stopped for longer than [`again_after`](super::SweepRules::again_after). A row is there before its picture, so
    /// what has none now never gets one.
    pub(super) async fn sweep_media(&self) -> Result<u64, PortError> {
        let old = self.before(self.rules.orphan_after);
        self.walk(&PICTURES, |object, state| {
            object.modified <= old && state.is_none_or(is_over)
        })
        .await
    }

    async fn walk(
        &self,
        walk: &Walk,
        is_left: impl Fn(&ListedObject, Option<UploadState>) -> bool + Sync,
    ) -> Result<u64, PortError> {
        let mut after = self.store.position(walk.name).await?;
        let mut count = 0;
        for _ in 0..self.rules.batches {
            let page = self
                .objects
                .list(walk.folder, after.as_deref(), self.rules.batch)
                .await?;
            let last = page.objects.last().map(|object| object.key.clone());
            count += self.sweep_page(walk, &page.objects, &is_left).await?;
            after = last.filter(|_| page.more);
            if after.is_none() {
                break;
            }
        }
        self.store.set_position(walk.name, after.as_deref()).await?;
        Ok(count)
    }

    async fn sweep_page(
        &self,
        walk: &Walk,
        objects: &[ListedObject],
        is_left: &(impl Fn(&ListedObject, Option<UploadState>) -> bool + Sync),
    ) -> Result<u64, PortError> {
        let ours: Vec<(UploadId, &ListedObject)> = objects
            .iter()
            .filter_map(|object| Some(((walk.upload)(&object.key)?, object)))
            .collect();
        let ids: Vec<UploadId> = ours.iter().map(|(id, _)| *id).collect();
        let states = self.store.states(&ids).await?;
        let left = ours
            .into_iter()
            .filter(|(id, object)| is_left(object, states.get(id).copied()));
        let keys: Vec<String> = left.map(|(_, object)| object.key.clone()).collect();
        let count = length(keys.len());
        self.delete(keys).await?;
        Ok(count)
    }
}

/// Whether a picture may still be made of the client's file.
fn needs_staged(state: UploadState) -> bool {
    match state {
        UploadState::Ticketed
        | UploadState::Received
        | UploadState::Processing
        | UploadState::Failed => true,
        UploadState::Ready | UploadState::Rejected | UploadState::Expired => false,
    }
}

/// Whether nothing brings the picture back.
fn is_over(state: UploadState) -> bool {
    matches!(state, UploadState::Rejected | UploadState::Expired)
}

fn staged_upload(key: &str) -> Option<UploadId> {
    key.strip_prefix(STAGING)?.parse().ok()
}

/// Only the name that we would give it counts.
pub(super) fn media_upload(key: &str) -> Option<UploadId> {
    let name: MediaKey = key.strip_prefix(MEDIA)?.parse().ok()?;
    (media_object(name.0) == key).then_some(name.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upload::staged_object;

    fn id() -> UploadId {
        "01890a5d-ac96-774b-bcce-b302099a8057"
            .parse()
            .expect("an id")
    }

    #[test]
    fn only_our_own_names_are_uploads() {
        assert_eq!(staged_upload(&staged_object(id())), Some(id()));
        for other in ["staging/notes.txt", "staging/", "media/x", ""] {
            assert_eq!(staged_upload(other), None, "{other}");
        }
        let picture = media_object(id());
        assert_eq!(media_upload(&picture), Some(id()));
        let loud = picture.replace("ac96", "AC96");
        for other in [loud.as_str(), "media/notes.webp", "media/", "staging/x", ""] {
            assert_eq!(media_upload(other), None, "{other}");
        }
    }
}
