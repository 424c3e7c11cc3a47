use std::time::Duration;

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::{Purpose, UploadState};
use sluicegate_core::upload::{MakingClaim, Upload};
use tokio::task::JoinSet;

use crate::stores::{Stores, at, derivative, id};

const LEASE: Duration = Duration::from_secs(90);

async fn claim(stores: &Stores, id: UploadId, seconds: i64, cap: Option<u32>) -> MakingClaim {
    stores
        .uploads
        .claim_making(id, at(seconds), LEASE, cap)
        .await
        .unwrap()
}

fn claimed(claim: MakingClaim) -> Upload {
    match claim {
        MakingClaim::Claimed(upload) => upload,
        other => panic!("not claimed: {other:?}"),
    }
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
    stores
        .uploads
        .release_making(upload.id, at(3))
        .await
        .unwrap();
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
        claimed(claim(stores, upload.id, 10, cap).await);
        assert_eq!(claim(stores, upload.id, 99, cap).await, MakingClaim::Busy);
        claimed(claim(stores, upload.id, 100, cap).await);
        stores
            .uploads
            .release_making(upload.id, at(101))
            .await
            .unwrap();
    }
}

/// Who is still at it keeps the picture, and tells nobody; where nobody is at it nothing happens.
pub async fn holds_claims_that_are_extended(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.received(owner.id, Purpose::Avatar).await;
    let extend = |seconds| stores.uploads.extend_making(upload.id, at(seconds), LEASE);
    extend(2).await.unwrap();
    assert_eq!(stores.upload(upload.id).await, upload);
    let mine = claimed(claim(stores, upload.id, 10, Some(1_000)).await);
    extend(50).await.unwrap();
    assert_eq!(stores.upload(upload.id).await, mine);
    assert_eq!(claim(stores, upload.id, 139, None).await, MakingClaim::Busy);
    claimed(claim(stores, upload.id, 140, None).await);
    let ready = stores
        .uploads
        .finish_making(upload.id, &derivative(), at(141))
        .await
        .unwrap();
    extend(142).await.unwrap();
    assert_eq!(Some(stores.upload(upload.id).await), ready);
}

/// However many pictures are asked for at once, no more than the cap are made; workers are not counted,
/// and ended leases neither.
pub async fn caps_making_on_demand(stores: &Stores) {
    let owner = stores.account().await;
    let worker = stores.received(owner.id, Purpose::Avatar).await;
    claimed(claim(stores, worker.id, 1_000, None).await);
    let mut calls = JoinSet::new();
    for _ in 0..9 {
        let upload = stores.received(owner.id, Purpose::Avatar).await;
        let stores = stores.clone();
        calls.spawn(async move { claim(&stores, upload.id, 1_000, Some(3)).await });
    }
    let claims = calls.join_all().await;
    let won: Vec<_> = claims
        .iter()
        .filter_map(|claim| match claim {
            MakingClaim::Claimed(upload) => Some(upload.id),
            MakingClaim::Full => None,
            other => panic!("neither claimed nor full: {other:?}"),
        })
        .collect();
    assert_eq!(won.len(), 3);
    let more = stores.received(owner.id, Purpose::Avatar).await;
    assert_eq!(
        claim(stores, more.id, 1_001, Some(3)).await,
        MakingClaim::Full
    );
    stores
        .uploads
        .finish_making(*won.first().unwrap(), &derivative(), at(1_002))
        .await
        .unwrap();
    claimed(claim(stores, more.id, 1_002, Some(3)).await);
    let last = stores.received(owner.id, Purpose::Avatar).await;
    assert_eq!(
        claim(stores, last.id, 1_089, Some(3)).await,
        MakingClaim::Full
    );
    claimed(claim(stores, last.id, 1_090, Some(3)).await);
}

/// The first result stays; what is over stays over.
pub async fn finishes_once(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.received(owner.id, Purpose::Avatar).await;
    claimed(claim(stores, upload.id, 2, None).await);
    let finish = |id, width, seconds| async move {
        let made = sluicegate_core::upload::Derivative {
            width,
            ..derivative()
        };
        stores
            .uploads
            .finish_making(id, &made, at(seconds))
            .await
            .unwrap()
    };
    let ready = finish(upload.id, 7, 3).await.unwrap();
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
    assert_eq!(finish(upload.id, 8, 4).await, Some(ready.clone()));
    assert_eq!(
        claim(stores, upload.id, 1_000, Some(9)).await,
        MakingClaim::Settled(ready)
    );
    assert_eq!(finish(UploadId(id()), 8, 4).await, None);
    let rejected = stores.received(owner.id, Purpose::Avatar).await;
    stores
        .uploads
        .reject(rejected.id, "broken", at(2))
        .await
        .unwrap();
    let over = finish(rejected.id, 8, 4).await.unwrap();
    assert_eq!((over.state, over.derivative), (UploadState::Rejected, None));
}

/// Who cannot go on gives the picture back; the next one gets it at once.
pub async fn gives_claims_back(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.received(owner.id, Purpose::Avatar).await;
    claimed(claim(stores, upload.id, 2, None).await);
    for _ in 0..2 {
        stores
            .uploads
            .release_making(upload.id, at(3))
            .await
            .unwrap();
        assert_eq!(stores.upload(upload.id).await.state, UploadState::Received);
    }
    claimed(claim(stores, upload.id, 3, Some(1_000)).await);
    stores
        .uploads
        .finish_making(upload.id, &derivative(), at(4))
        .await
        .unwrap();
    stores
        .uploads
        .release_making(upload.id, at(5))
        .await
        .unwrap();
    assert_eq!(stores.upload(upload.id).await.state, UploadState::Ready);
}

/// What failed is tried again by a worker, whose job was replayed, and not by whoever asks for it.
pub async fn tries_failed_pictures_again(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.received(owner.id, Purpose::Avatar).await;
    stores
        .uploads
        .fail(upload.id, "storage", at(2))
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
