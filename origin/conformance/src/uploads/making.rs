use std::time::Duration;

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::{Purpose, UploadState};
use sluicegate_core::upload::{Maker, MakingClaim, Upload};
use tokio::task::JoinSet;

use crate::stores::{Stores, at, derivative, id};

const LEASE: Duration = Duration::from_secs(90);

/// Somebody who wants to make a picture, told from all others.
fn maker(upload: UploadId) -> Maker {
    let token = id();
    Maker { upload, token }
}

async fn claim_as(stores: &Stores, maker: &Maker, seconds: i64, cap: Option<u32>) -> MakingClaim {
    stores
        .uploads
        .claim_making(maker, at(seconds), LEASE, cap)
        .await
        .unwrap()
}

async fn claim(stores: &Stores, id: UploadId, seconds: i64, cap: Option<u32>) -> MakingClaim {
    claim_as(stores, &maker(id), seconds, cap).await
}

fn claimed(claim: MakingClaim) -> Upload {
    match claim {
        MakingClaim::Claimed(upload) => upload,
        other => panic!("not claimed: {other:?}"),
    }
}

/// The maker who has it now.
async fn claims(stores: &Stores, id: UploadId, seconds: i64, cap: Option<u32>) -> Maker {
    let maker = maker(id);
    claimed(claim_as(stores, &maker, seconds, cap).await);
    maker
}

/// Of many who want to make a picture one does, requests and workers alike.
pub async fn lets_one_make_a_picture(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.received(owner.id, Purpose::Avatar).await;
    let mut calls = JoinSet::new();
    for n in 0..10 {
        let stores = stores.clone();
        let cap = (n % 2 == 0).then_some(1_000);
        calls.spawn(async move { claim(&stores, upload.id, 2, cap).await });
    }
    let claims = calls.join_all().await;
    let won = claims
        .iter()
        .filter(|claim| matches!(claim, MakingClaim::Claimed(_)))
        .count();
    let busy = claims
        .iter()
        .filter(|claim| matches!(claim, MakingClaim::Busy))
        .count();
    assert_eq!((won, busy), (1, 9), "{claims:?}");
    let now = stores.upload(upload.id).await;
    assert_eq!(now.state, UploadState::Processing);
    assert_eq!(now.revision, upload.revision + 1);
    let ticket = stores.ticket(owner.id, Purpose::Avatar).await;
    for cap in [None, Some(10)] {
        assert_eq!(
            claim(stores, UploadId(id()), 2, cap).await,
            MakingClaim::Unknown
        );
        assert_eq!(
            claim(stores, ticket.id, 2, cap).await,
            MakingClaim::Settled(ticket.clone())
        );
    }
}

/// Who made a picture and was lost is replaced when the lease has ended, and not before.
pub async fn makes_again_when_a_lease_has_ended(stores: &Stores) {
    let owner = stores.account().await;
    for cap in [None, Some(1_000)] {
        let upload = stores.received(owner.id, Purpose::Avatar).await;
        claims(stores, upload.id, 10, cap).await;
        assert_eq!(claim(stores, upload.id, 99, cap).await, MakingClaim::Busy);
        let maker = claims(stores, upload.id, 100, cap).await;
        let released = stores.uploads.release_making(&maker, at(101)).await;
        released.unwrap();
    }
}

/// Who is still at it keeps the picture, and tells nobody; where nobody is at it nothing happens.
pub async fn holds_claims_that_are_extended(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.received(owner.id, Purpose::Avatar).await;
    let maker = maker(upload.id);
    let extend = |seconds| stores.uploads.extend_making(&maker, at(seconds), LEASE);
    assert!(!extend(2).await.unwrap());
    assert_eq!(stores.upload(upload.id).await, upload);
    let mine = claimed(claim_as(stores, &maker, 10, Some(1_000)).await);
    assert!(extend(50).await.unwrap());
    assert_eq!(stores.upload(upload.id).await, mine);
    assert_eq!(claim(stores, upload.id, 139, None).await, MakingClaim::Busy);
    assert!(extend(140).await.unwrap(), "nobody took it over");
    let made = derivative();
    let ready = stores.uploads.finish_making(&maker, &made, at(141)).await;
    assert!(!extend(142).await.unwrap());
    assert_eq!(Some(stores.upload(upload.id).await), ready.unwrap());
}

/// Whoever lost the claim can do nothing any more, whether another has it, gave it back or is done.
pub async fn refuses_makers_that_lost_their_claim(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.received(owner.id, Purpose::Avatar).await;
    for cap in [None, Some(1_000)] {
        let old = claims(stores, upload.id, 10, cap).await;
        let new = claims(stores, upload.id, 100, cap).await;
        does_nothing(stores, &old).await;
        assert_eq!(
            stores.upload(upload.id).await.state,
            UploadState::Processing
        );
        assert_eq!(claim(stores, upload.id, 189, cap).await, MakingClaim::Busy);
        stores.uploads.release_making(&new, at(189)).await.unwrap();
        for late in [&old, &new] {
            does_nothing(stores, late).await;
        }
    }
    let old = claims(stores, upload.id, 200, None).await;
    let new = claims(stores, upload.id, 300, None).await;
    let made = derivative();
    let done = stores.uploads.finish_making(&new, &made, at(301)).await;
    assert_eq!(done.unwrap().unwrap().state, UploadState::Ready);
    does_nothing(stores, &old).await;
}

async fn does_nothing(stores: &Stores, lost: &Maker) {
    let before = stores.upload(lost.upload).await;
    let uploads = &stores.uploads;
    assert!(!uploads.extend_making(lost, at(500), LEASE).await.unwrap());
    uploads.release_making(lost, at(500)).await.unwrap();
    uploads.reject_making(lost, "late", at(500)).await.unwrap();
    let made = sluicegate_core::upload::Derivative {
        width: 9,
        ..derivative()
    };
    let finished = uploads.finish_making(lost, &made, at(500)).await.unwrap();
    assert_eq!(finished, Some(before.clone()), "how it stands");
    assert_eq!(stores.upload(lost.upload).await, before);
}

/// Whoever makes it finds out that the file is no picture: `rejected`.
pub async fn rejects_what_is_being_made(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.received(owner.id, Purpose::Avatar).await;
    let maker = claims(stores, upload.id, 2, None).await;
    let rejected = stores.uploads.reject_making(&maker, "broken", at(3)).await;
    rejected.unwrap();
    let upload = stores.upload(upload.id).await;
    assert_eq!(
        (upload.state, upload.reason.as_deref()),
        (UploadState::Rejected, Some("broken"))
    );
}

/// However many pictures are asked for at once, no more than the cap are made; workers are not counted,
/// and ended leases neither.
pub async fn caps_making_on_demand(stores: &Stores) {
    let owner = stores.account().await;
    let worker = stores.received(owner.id, Purpose::Avatar).await;
    claims(stores, worker.id, 1_000, None).await;
    let mut calls = JoinSet::new();
    for _ in 0..9 {
        let upload = stores.received(owner.id, Purpose::Avatar).await;
        let stores = stores.clone();
        calls.spawn(async move {
            let maker = maker(upload.id);
            match claim_as(&stores, &maker, 1_000, Some(3)).await {
                MakingClaim::Claimed(_) => Some(maker),
                MakingClaim::Full => None,
                other => panic!("neither claimed nor full: {other:?}"),
            }
        });
    }
    let won: Vec<Maker> = calls.join_all().await.into_iter().flatten().collect();
    assert_eq!(won.len(), 3);
    let more = stores.received(owner.id, Purpose::Avatar).await;
    assert_eq!(
        claim(stores, more.id, 1_001, Some(3)).await,
        MakingClaim::Full
    );
    let (first, made) = (won.first().unwrap(), derivative());
    let finished = stores.uploads.finish_making(first, &made, at(1_002)).await;
    finished.unwrap();
    claims(stores, more.id, 1_002, Some(3)).await;
    let last = stores.received(owner.id, Purpose::Avatar).await;
    assert_eq!(
        claim(stores, last.id, 1_089, Some(3)).await,
        MakingClaim::Full
    );
    claims(stores, last.id, 1_090, Some(3)).await;
}

/// The first result stays; what is over stays over.
pub async fn finishes_once(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.received(owner.id, Purpose::Avatar).await;
    let maker = claims(stores, upload.id, 2, None).await;
    let finish = |maker: Maker, width, seconds| async move {
        let made = sluicegate_core::upload::Derivative {
            width,
            ..derivative()
        };
        stores
            .uploads
            .finish_making(&maker, &made, at(seconds))
            .await
            .unwrap()
    };
    let ready = finish(maker, 7, 3).await.unwrap();
    assert_eq!(
        (ready.state, ready.ready_at),
        (UploadState::Ready, Some(at(3)))
    );
    let made = ready.derivative.clone().unwrap();
    assert_eq!(
        (made.width, made.perceptual_hash),
        (7, derivative().perceptual_hash)
    );
    assert_eq!(
        (&made.sha256, &made.source_sha256),
        (&"0a".repeat(32), &"f1".repeat(32))
    );
    assert_eq!(finish(maker, 8, 4).await, Some(ready.clone()));
    assert_eq!(
        claim(stores, upload.id, 1_000, Some(9)).await,
        MakingClaim::Settled(ready)
    );
    let unknown = Maker {
        upload: UploadId(id()),
        ..maker
    };
    assert_eq!(finish(unknown, 8, 4).await, None);
    let rejected = stores.received(owner.id, Purpose::Avatar).await;
    let late = claims(stores, rejected.id, 2, None).await;
    stores
        .uploads
        .reject(rejected.id, "broken", at(2))
        .await
        .unwrap();
    let over = finish(late, 8, 4).await.unwrap();
    assert_eq!((over.state, over.derivative), (UploadState::Rejected, None));
}

/// Who cannot go on gives the picture back; the next one gets it at once.
pub async fn gives_claims_back(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.received(owner.id, Purpose::Avatar).await;
    let maker = claims(stores, upload.id, 2, None).await;
    for _ in 0..2 {
        stores.uploads.release_making(&maker, at(3)).await.unwrap();
        assert_eq!(stores.upload(upload.id).await.state, UploadState::Received);
    }
    let maker = claims(stores, upload.id, 3, Some(1_000)).await;
    let made = derivative();
    let finished = stores.uploads.finish_making(&maker, &made, at(4)).await;
    finished.unwrap();
    stores.uploads.release_making(&maker, at(5)).await.unwrap();
    assert_eq!(stores.upload(upload.id).await.state, UploadState::Ready);
}

/// What failed is tried again by a worker, whose job was replayed, and not by whoever asks for it.
pub async fn tries_failed_pictures_again(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.received(owner.id, Purpose::Avatar).await;
    stores
        .uploads
        .fail(upload.id, "storage", None, at(2))
        .await
        .unwrap();
    let failed = stores.upload(upload.id).await;
    assert_eq!(
        claim(stores, upload.id, 3, Some(9)).await,
        MakingClaim::Settled(failed)
    );
    let again = claimed(claim(stores, upload.id, 3, None).await);
    assert_eq!((again.state, again.reason), (UploadState::Processing, None));
}

/// Whoever gives up trying again leaves it as it was: no job would come for what is `received`.
pub async fn leaves_failed_what_could_not_be_tried_again(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.received(owner.id, Purpose::Avatar).await;
    let failed = stores.uploads.fail(upload.id, "storage", None, at(2)).await;
    failed.unwrap();
    let stands = || async {
        let upload = stores.upload(upload.id).await;
        (upload.state, upload.reason)
    };
    let failed = (UploadState::Failed, Some("storage".to_owned()));
    let worker = claims(stores, upload.id, 3, None).await;
    for _ in 0..2 {
        stores.uploads.release_making(&worker, at(4)).await.unwrap();
        assert_eq!(stands().await, failed);
    }
    // Also where somebody else took over from a worker that was lost.
    claims(stores, upload.id, 5, None).await;
    let somebody = claims(stores, upload.id, 100, Some(1_000)).await;
    let released = stores.uploads.release_making(&somebody, at(101)).await;
    released.unwrap();
    assert_eq!(stands().await, failed);
    let worker = claims(stores, upload.id, 102, None).await;
    let made = derivative();
    let finished = stores.uploads.finish_making(&worker, &made, at(103)).await;
    finished.unwrap();
    assert_eq!(stands().await, (UploadState::Ready, None));
}
