//! What every [`AuditStore`](sluicegate_core::ports::AuditStore) must do.

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]
#![expect(
    clippy::missing_panics_doc,
    reason = "that is how a promise is found broken"
)]

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::{Moderation, Purpose, UploadState};
use sluicegate_core::ports::AuditedUpload;

use crate::promises::promises;
use crate::stores::{Stores, id};

promises!(Stores:
    walks_through_uploads_by_id,
    counts_verdicts_without_their_records,
);

/// Every upload once, in pages of any size.
pub async fn walks_through_uploads_by_id(stores: &Stores) {
    let owner = stores.account().await;
    let before = UploadId(id());
    let ticket = stores.ticket(owner.id, Purpose::Avatar).await.id;
    let ready = stores.ready(owner.id, Purpose::Avatar).await.id;
    let expected =
        [(ticket, UploadState::Ticketed), (ready, UploadState::Ready)].map(|(id, state)| {
            AuditedUpload {
                id,
                state,
                moderation: Moderation::Unreviewed,
            }
        });
    for size in [1, 2, 100] {
        let (mut after, mut found) = (Some(before), Vec::new());
        while found.len() < 2 {
            let page = stores.audit.uploads(after, size).await.unwrap();
            assert!(!page.is_empty() && page.len() <= size as usize);
            after = page.last().map(|row| row.id);
            found.extend(page);
        }
        found.truncate(2);
        assert_eq!(found, expected);
    }
    for row in expected {
        assert_eq!(stores.audit.upload(row.id).await.unwrap(), Some(row));
    }
    assert_eq!(stores.audit.upload(UploadId(id())).await.unwrap(), None);
}

/// Verdicts that are recorded as they are given count as neither.
pub async fn counts_verdicts_without_their_records(stores: &Stores) {
    let owner = stores.account().await;
    stores.ready(owner.id, Purpose::Avatar).await;
    assert_eq!(stores.audit.judged_twice().await.unwrap(), 0);
    assert_eq!(stores.audit.judged_without_record().await.unwrap(), 0);
}
