use std::collections::HashMap;

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::{Purpose, UploadState};

use crate::stores::{Stores, at, id};

const MUCH: u32 = 1_000;

async fn over(stores: &Stores, again: i64) -> Vec<UploadId> {
    stores.sweep.over(at(again), MUCH).await.unwrap()
}

async fn note(stores: &Stores, upload: UploadId, again: i64, now: i64) {
    let noted = stores.sweep.note_swept(&[upload], at(again), at(now)).await;
    noted.unwrap();
}

/// Once as soon as it is over, and once more so much later; of those who sweep at once one counts.
pub async fn sweeps_what_is_over_twice(stores: &Stores) {
    let owner = stores.account().await;
    let expired = stores.ticket(owner.id, Purpose::Avatar).await.id;
    let rejected = stores.received(owner.id, Purpose::Avatar).await.id;
    let kept = stores.ready(owner.id, Purpose::Avatar).await.id;
    note(stores, kept, 100, 100).await;
    stores.uploads.abandon(expired).await.unwrap();
    let reject = stores.uploads.reject(rejected, "broken", at(2)).await;
    reject.unwrap();
    for upload in [expired, rejected] {
        assert!(over(stores, 0).await.contains(&upload));
        for now in [100, 101] {
            note(stores, upload, 0, now).await;
        }
        assert!(!over(stores, 99).await.contains(&upload));
        assert!(over(stores, 100).await.contains(&upload));
        note(stores, upload, 100, 200).await;
        assert!(!over(stores, 10_000).await.contains(&upload));
    }
    assert!(!over(stores, 10_000).await.contains(&kept));
    assert_eq!(stores.sweep.over(at(0), 0).await.unwrap(), []);
}

/// Every upload that there is, and no other.
pub async fn says_how_uploads_stand(stores: &Stores) {
    let owner = stores.account().await;
    let ticket = stores.ticket(owner.id, Purpose::Avatar).await.id;
    let ready = stores.ready(owner.id, Purpose::Avatar).await.id;
    let asked = [ticket, UploadId(id()), ready];
    let states = stores.sweep.states(&asked).await.unwrap();
    let expected = [(ticket, UploadState::Ticketed), (ready, UploadState::Ready)];
    assert_eq!(states, HashMap::from(expected));
    assert_eq!(stores.sweep.states(&[]).await.unwrap(), HashMap::new());
}

/// Each walk has one position, which is the last that was noted.
pub async fn remembers_positions(stores: &Stores) {
    let sweep = &stores.sweep;
    for position in [Some("a"), Some("b"), None, None] {
        sweep.set_position("a walk", position).await.unwrap();
        let found = sweep.position("a walk").await.unwrap();
        assert_eq!(found.as_deref(), position);
        assert_eq!(sweep.position("another").await.unwrap(), None);
    }
}

/// Of those who name it at once one wins, and that name stays.
pub async fn keeps_its_first_identity(stores: &Stores) {
    let sweep = &stores.sweep;
    let (one, other) = (id(), id());
    let (first, second) = tokio::join!(sweep.note_identity(one), sweep.note_identity(other));
    let name = first.unwrap();
    assert!(name == one || name == other, "{name}");
    assert_eq!(second.unwrap(), name);
    assert_eq!(sweep.note_identity(id()).await.unwrap(), name);
    assert_eq!(sweep.identity().await.unwrap(), Some(name));
}
