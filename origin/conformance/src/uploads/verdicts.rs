use std::time::Duration;

use sluicegate_contract::ids::{AccountId, JobId, UploadId};
use sluicegate_contract::limits::GRANT_CACHE_TIME;
use sluicegate_contract::uploads::{Moderation, Purpose, UploadState};
use sluicegate_core::account::PictureSlot;
use sluicegate_core::fair::Bounds;
use sluicegate_core::job::{JobState, Lease, NewJob, PURGE_JOB, PURGE_QUEUE};
use sluicegate_core::moderation::{Outcome, Record, Subject};
use sluicegate_core::ports::{Burial, ClaimRequest, ImageVerdict, SettleError};
use sluicegate_core::upload::Upload;

use crate::stores::{ETAG, Stores, at, id, image_job, new_post, post_job, record};

fn passed(upload: &Upload) -> Record {
    record(Subject::Upload(upload.id), upload.owner, Outcome::Passed)
}

fn removed(upload: &Upload) -> Record {
    record(Subject::Upload(upload.id), upload.owner, Outcome::Removed)
}

async fn apply(stores: &Stores, upload: UploadId, verdict: ImageVerdict) {
    stores
        .uploads
        .apply_verdict(upload, &verdict, None, at(5))
        .await
        .unwrap();
}

/// What is not a picture is `rejected`, says why, and is shown nowhere any more.
pub async fn rejects_and_clears(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.received(owner.id, Purpose::Avatar).await;
    stores
        .accounts
        .set_picture(owner.id, PictureSlot::Avatar, upload.id)
        .await
        .unwrap();
    stores
        .uploads
        .reject(upload.id, "truncated", at(2))
        .await
        .unwrap();
    let rejected = stores.upload(upload.id).await;
    assert_eq!(
        (rejected.state, rejected.reason.as_deref()),
        (UploadState::Rejected, Some("truncated"))
    );
    assert_eq!(rejected.moderation, Moderation::Unreviewed);
    assert_eq!(
        stores
            .accounts
            .account(owner.id)
            .await
            .unwrap()
            .unwrap()
            .avatar,
        None
    );
    stores
        .uploads
        .reject(upload.id, "again", at(3))
        .await
        .unwrap();
    assert_eq!(stores.upload(upload.id).await, rejected);
    let ready = stores.ready(owner.id, Purpose::Avatar).await;
    stores
        .uploads
        .reject(ready.id, "late", at(3))
        .await
        .unwrap();
    assert_eq!(stores.upload(ready.id).await, ready);
    stores
        .uploads
        .reject(UploadId(id()), "unknown", at(3))
        .await
        .unwrap();
}

/// Only the picture itself is cleared, never the one that took its place.
pub async fn keeps_what_replaced_a_rejected_picture(stores: &Stores) {
    let owner = stores.account().await;
    let old = stores.ready(owner.id, Purpose::Avatar).await;
    let new = stores.ready(owner.id, Purpose::Avatar).await;
    for upload in [&old, &new] {
        stores
            .accounts
            .set_picture(owner.id, PictureSlot::Avatar, upload.id)
            .await
            .unwrap();
    }
    apply(stores, old.id, ImageVerdict::Removed(removed(&old))).await;
    let account = stores.accounts.account(owner.id).await.unwrap().unwrap();
    assert_eq!(account.avatar.unwrap().upload, new.id);
}

/// From `received` and `processing` only.
pub async fn fails_only_what_is_under_way(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.received(owner.id, Purpose::Avatar).await;
    for reason in ["storage", "again"] {
        let failed = stores.uploads.fail(upload.id, reason, None, at(2)).await;
        failed.unwrap();
    }
    let failed = stores.upload(upload.id).await;
    assert_eq!(
        (failed.state, failed.reason.as_deref()),
        (UploadState::Failed, Some("storage"))
    );
    let ready = stores.ready(owner.id, Purpose::Avatar).await;
    let ticket = stores.ticket(owner.id, Purpose::Avatar).await;
    for upload in [ready, ticket] {
        stores
            .uploads
            .fail(upload.id, "storage", None, at(2))
            .await
            .unwrap();
        assert_eq!(stores.upload(upload.id).await, upload);
    }
}

/// Upload and job are over in one transaction; whoever lost the job changes nothing.
pub async fn fails_with_the_burial_of_its_job(stores: &Stores) {
    let owner = stores.account().await;
    let (upload, lease) = leased(stores, owner.id, "uploads/fails").await;
    let lost = Lease {
        attempt: lease.attempt + 1,
        ..lease
    };
    let fail = |lease| async move {
        let burial = Burial {
            lease,
            error: "killed",
        };
        let uploads = &stores.uploads;
        uploads.fail(upload, "storage", Some(&burial), at(2)).await
    };
    let refused = fail(lost).await;
    assert!(
        matches!(refused, Err(SettleError::LeaseLost(_))),
        "{refused:?}"
    );
    assert_eq!(stores.upload(upload).await.state, UploadState::Received);
    fail(lease).await.unwrap();
    assert_eq!(stores.upload(upload).await.state, UploadState::Failed);
    let job = stores.jobs.job(lease.job).await.unwrap().unwrap();
    assert_eq!(
        (job.state, job.last_error.as_deref()),
        (JobState::Dead, Some("killed"))
    );
}

/// An upload that was received, and the lease of its job.
async fn leased(stores: &Stores, owner: AccountId, queue: &'static str) -> (UploadId, Lease) {
    let upload = stores.ticket(owner, Purpose::Avatar).await;
    let job = NewJob {
        queue,
        ..image_job(&upload)
    };
    let complete = stores.uploads.complete(upload.id, ETAG, &job, at(1)).await;
    complete.unwrap();
    let request = ClaimRequest {
        queue,
        worker: "suite",
        limit: 1,
        lease: Duration::from_secs(30),
        bounds: Bounds::NONE,
    };
    let claimed = stores.jobs.claim(&request, at(1)).await.unwrap();
    (upload.id, claimed.first().unwrap().lease)
}

/// A picture that passed says so and stays; the same verdict again leaves no second record.
pub async fn passes_pictures(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.ready(owner.id, Purpose::Avatar).await;
    let first = passed(&upload);
    apply(stores, upload.id, ImageVerdict::Passed(first.clone())).await;
    let judged = stores.upload(upload.id).await;
    assert_eq!(
        (judged.state, judged.moderation),
        (UploadState::Ready, Moderation::Passed)
    );
    assert_eq!(
        (judged.moderated_at, judged.revision),
        (Some(at(5)), upload.revision + 1)
    );
    apply(stores, upload.id, ImageVerdict::Passed(passed(&upload))).await;
    assert_eq!(stores.upload(upload.id).await, judged);
    assert_eq!(stores.uploads.records(upload.id).await.unwrap(), [first]);
}

/// An unsafe picture is `rejected` and shown nowhere, also if it had passed; a later pass of a check that
/// runs twice does not bring it back.
pub async fn removes_pictures(stores: &Stores) {
    let owner = stores.account().await;
    let header = stores.ready(owner.id, Purpose::ProfileHeader).await;
    stores
        .accounts
        .set_picture(owner.id, PictureSlot::ProfileHeader, header.id)
        .await
        .unwrap();
    let shown = stores.ready(owner.id, Purpose::PostHeader).await;
    let new = new_post(owner.id, "With a picture", Some(shown.id));
    stores.posts.create(&new, &post_job(&new)).await.unwrap();
    for upload in [&header, &shown] {
        let records = [passed(upload), removed(upload)];
        apply(stores, upload.id, ImageVerdict::Passed(records[0].clone())).await;
        apply(stores, upload.id, ImageVerdict::Removed(records[1].clone())).await;
        let gone = stores.upload(upload.id).await;
        assert_eq!(
            (gone.state, gone.moderation),
            (UploadState::Rejected, Moderation::Removed)
        );
        assert_eq!(gone.reason.as_deref(), Some("unsafe"));
        apply(stores, upload.id, ImageVerdict::Removed(removed(upload))).await;
        apply(stores, upload.id, ImageVerdict::Passed(passed(upload))).await;
        assert_eq!(stores.upload(upload.id).await, gone);
        assert_eq!(stores.uploads.records(upload.id).await.unwrap(), records);
    }
    let account = stores.accounts.account(owner.id).await.unwrap().unwrap();
    assert_eq!(account.profile_header, None);
    assert_eq!(
        stores.posts.post(new.id).await.unwrap().unwrap().header,
        None
    );
}

/// Verdict, record and job are committed together.
pub async fn settles_with_the_verdict(stores: &Stores) {
    let owner = stores.account().await;
    let (id, lease) = leased(stores, owner.id, "uploads/settles").await;
    let upload = stores.upload(id).await;
    let verdict = ImageVerdict::Passed(passed(&upload));
    stores
        .uploads
        .apply_verdict(upload.id, &verdict, Some(&lease), at(2))
        .await
        .unwrap();
    assert_eq!(
        stores.jobs.job(lease.job).await.unwrap().unwrap().state,
        JobState::Done
    );
    assert_eq!(
        stores.upload(upload.id).await.moderation,
        Moderation::Passed
    );
}

/// Whoever lost the job changes nothing.
pub async fn changes_nothing_with_a_lost_lease(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.ready(owner.id, Purpose::Avatar).await;
    stores
        .accounts
        .set_picture(owner.id, PictureSlot::Avatar, upload.id)
        .await
        .unwrap();
    let lost = Lease {
        job: JobId(id()),
        attempt: 1,
    };
    let verdict = ImageVerdict::Removed(removed(&upload));
    let result = stores
        .uploads
        .apply_verdict(upload.id, &verdict, Some(&lost), at(5))
        .await;
    assert!(
        matches!(result, Err(SettleError::LeaseLost(_))),
        "{result:?}"
    );
    assert_eq!(stores.upload(upload.id).await, upload);
    assert!(stores.uploads.records(upload.id).await.unwrap().is_empty());
    let account = stores.accounts.account(owner.id).await.unwrap().unwrap();
    assert_eq!(account.avatar.unwrap().upload, upload.id);
}

/// A removal of what had arrived leaves one job that tells caches; what nobody can have seen leaves none.
pub async fn leaves_a_job_for_each_removal(stores: &Stores) {
    let owner = stores.account().await;
    let seen = stores.ready(owner.id, Purpose::Avatar).await;
    let first = removed(&seen);
    apply(stores, seen.id, ImageVerdict::Removed(first.clone())).await;
    let again = removed(&seen);
    apply(stores, seen.id, ImageVerdict::Removed(again.clone())).await;
    let ticket = stores.ticket(owner.id, Purpose::Avatar).await;
    let unseen = removed(&ticket);
    apply(stores, ticket.id, ImageVerdict::Removed(unseen.clone())).await;

    let job = |record: &Record| stores.jobs.job(JobId(record.id));
    let left = job(&first).await.unwrap().unwrap();
    assert_eq!(
        (left.queue.as_str(), left.name.as_str(), left.state),
        (PURGE_QUEUE, PURGE_JOB, JobState::Ready)
    );
    assert_eq!(left.run_at, at(5).plus(GRANT_CACHE_TIME));
    assert_eq!(job(&again).await.unwrap(), None, "it was removed before");
    assert_eq!(job(&unseen).await.unwrap(), None, "it had not arrived");
}
