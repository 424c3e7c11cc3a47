use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::{Moderation, Purpose, UploadState};
use sluicegate_core::job::JobState;
use sluicegate_core::moderation::{Outcome, Subject};
use sluicegate_core::upload::Completion;
use tokio::task::JoinSet;

use crate::stores::{
    ETAG, Stores, at, derivative, id, image_job, new_upload, open_tickets, record,
};

/// A ticket is found as it was given.
pub async fn keeps_tickets(stores: &Stores) {
    let owner = stores.account().await;
    let new = new_upload(owner.id, Purpose::PostHeader);
    let (upload, _) = stores
        .uploads
        .create_ticket(&new, &open_tickets(1))
        .await
        .unwrap();
    assert_eq!(
        (upload.id, upload.owner, upload.purpose),
        (new.id, owner.id, new.purpose)
    );
    assert_eq!(
        (upload.state, upload.moderation),
        (UploadState::Ticketed, Moderation::Unreviewed)
    );
    assert_eq!(upload.declared_length, new.length);
    assert_eq!(
        (upload.created_at, upload.expires_at),
        (new.created_at, new.expires_at)
    );
    assert_eq!(
        (&upload.staged_etag, &upload.derivative, &upload.reason),
        (&None, &None, &None)
    );
    assert_eq!(
        (upload.received_at, upload.ready_at, upload.moderated_at),
        (None, None, None)
    );
    assert_eq!(stores.uploads.upload(new.id).await.unwrap(), Some(upload));
    assert_eq!(stores.uploads.upload(UploadId(id())).await.unwrap(), None);
}

/// Open tickets count, and what has arrived until its picture is made; what is over does not.
pub async fn counts_staged_bytes(stores: &Stores) {
    let owner = stores.account().await;
    let before = stores.uploads.staged(at(1)).await.unwrap();
    let counted = || async {
        let staged = stores.uploads.staged(at(1)).await.unwrap();
        assert_eq!(staged.promised, before.promised, "no client has a URL");
        staged.bytes - before.bytes
    };
    let upload = stores.received(owner.id, Purpose::Avatar).await;
    let length = upload.declared_length;
    let ticket = stores.ticket(owner.id, Purpose::Avatar).await;
    assert_eq!(counted().await, 2 * length);
    stores.uploads.abandon(ticket.id).await.unwrap();
    assert_eq!(counted().await, length);
    stores.made(upload.id).await;
    assert_eq!(counted().await, 0);
}

/// By a URL that a client has a file can come until that ends, whatever became of its ticket.
pub async fn counts_what_clients_can_still_store(stores: &Stores) {
    let owner = stores.account().await;
    let before = [1, 99, 100].map(|seconds| stores.uploads.staged(at(seconds)));
    let before = futures_util::future::try_join_all(before).await.unwrap();
    let counted = || async {
        let now = [1, 99, 100].map(|seconds| stores.uploads.staged(at(seconds)));
        let now = futures_util::future::try_join_all(now).await.unwrap();
        let more = now.iter().zip(&before).map(|(now, before)| {
            let promised = now.promised - before.promised;
            (now.bytes - before.bytes, promised)
        });
        more.collect::<Vec<_>>()
    };
    let ask = |length| {
        let mut new = new_upload(owner.id, Purpose::Avatar);
        (new.length, new.put_until) = (length, Some(at(100)));
        async move {
            let given = stores.uploads.create_ticket(&new, &open_tickets(9)).await;
            given.unwrap().0
        }
    };
    let given_up = ask(1).await;
    assert_eq!(given_up.put_until, Some(at(100)));
    assert_eq!(stores.upload(given_up.id).await, given_up);
    assert_eq!(counted().await, [(1, 1); 3]);
    let over = stores.uploads.abandon(given_up.id).await.unwrap().unwrap();
    assert_eq!(over.state, UploadState::Expired);
    assert_eq!(counted().await, [(1, 1), (1, 1), (0, 0)]);

    // Of what has arrived nothing more is promised, but its file can be stored again.
    let rejected = ask(10).await;
    let done = stores.uploads.reject(rejected.id, "broken", at(1)).await;
    done.unwrap();
    assert_eq!(counted().await, [(11, 1), (11, 1), (0, 0)]);
    let made = ask(100).await;
    let job = image_job(&made);
    let done = stores.uploads.complete(made.id, ETAG, &job, at(1)).await;
    done.unwrap();
    assert_eq!(counted().await, [(111, 1), (111, 1), (100, 0)]);
    stores.made(made.id).await;
    assert_eq!(counted().await, [(111, 1), (111, 1), (0, 0)]);
}

/// The upload is `received`, and its job is there.
pub async fn completes_with_a_job(stores: &Stores) {
    let owner = stores.account().await;
    let ticket = stores.ticket(owner.id, Purpose::Avatar).await;
    let job = image_job(&ticket);
    let completion = stores
        .uploads
        .complete(ticket.id, ETAG, &job, at(3))
        .await
        .unwrap();
    let Completion::Completed(upload) = completion else {
        panic!("{completion:?}")
    };
    assert_eq!(
        (upload.state, upload.received_at),
        (UploadState::Received, Some(at(3)))
    );
    assert_eq!(upload.staged_etag.as_deref(), Some(ETAG));
    assert!(upload.revision > ticket.revision);
    assert_eq!(stores.upload(ticket.id).await, upload);
    let view = stores.jobs.job(job.id).await.unwrap().unwrap();
    assert_eq!(
        (view.state, view.queue.as_str()),
        (JobState::Ready, job.queue)
    );
    let unknown = stores
        .uploads
        .complete(UploadId(id()), ETAG, &image_job(&ticket), at(3))
        .await;
    assert_eq!(unknown.unwrap(), Completion::Unknown);
}

/// Of many calls at once one completes and leaves one job; the others change nothing.
pub async fn completes_once(stores: &Stores) {
    let owner = stores.account().await;
    let ticket = stores.ticket(owner.id, Purpose::Avatar).await;
    let mut calls = JoinSet::new();
    for n in 0..8 {
        let (stores, ticket) = (stores.clone(), ticket.clone());
        calls.spawn(async move {
            let job = image_job(&ticket);
            let etag = format!("\"{n}\"");
            let done = stores
                .uploads
                .complete(ticket.id, &etag, &job, at(3))
                .await
                .unwrap();
            let has_job = stores.jobs.job(job.id).await.unwrap().is_some();
            (done, etag, has_job)
        });
    }
    let mut completed = 0;
    for (completion, etag, has_job) in calls.join_all().await {
        match completion {
            Completion::Completed(upload) => {
                completed += 1;
                assert!(has_job);
                assert_eq!(upload.staged_etag.as_ref(), Some(&etag));
                assert_eq!(stores.upload(ticket.id).await, upload);
            }
            Completion::Already(_) => assert!(!has_job, "a second job was committed"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(completed, 1);
}

/// A ticket works until `expires_at`; what is over is refused, too.
pub async fn completes_no_expired_ticket(stores: &Stores) {
    let owner = stores.account().await;
    let ticket = stores.ticket(owner.id, Purpose::Avatar).await;
    let job = image_job(&ticket);
    let late = stores
        .uploads
        .complete(ticket.id, ETAG, &job, ticket.expires_at)
        .await
        .unwrap();
    assert_eq!(late, Completion::Refused(ticket.clone()));
    assert_eq!(stores.jobs.job(job.id).await.unwrap(), None);
    stores
        .uploads
        .reject(ticket.id, "broken", at(2))
        .await
        .unwrap();
    let over = stores
        .uploads
        .complete(ticket.id, ETAG, &job, at(3))
        .await
        .unwrap();
    assert!(matches!(over, Completion::Refused(_)), "{over:?}");
}

/// A picture that was made and judged before the answer is `ready` and `passed` at once.
pub async fn completes_what_was_judged_before(stores: &Stores) {
    let owner = stores.account().await;
    let ticket = stores.ticket(owner.id, Purpose::Avatar).await;
    let passed = record(Subject::Upload(ticket.id), owner.id, Outcome::Passed);
    let made = derivative();
    let complete = || {
        stores
            .uploads
            .complete_judged(ticket.id, ETAG, &made, &passed, at(4))
    };
    let completion = complete().await.unwrap();
    let Completion::Completed(upload) = completion else {
        panic!("{completion:?}")
    };
    assert_eq!(
        (upload.state, upload.moderation),
        (UploadState::Ready, Moderation::Passed)
    );
    assert_eq!(upload.derivative.as_ref(), Some(&made));
    let times = (upload.received_at, upload.ready_at, upload.moderated_at);
    assert_eq!(times, (Some(at(4)), Some(at(4)), Some(at(4))));
    assert_eq!(complete().await.unwrap(), Completion::Already(upload));
    assert_eq!(stores.uploads.records(ticket.id).await.unwrap(), [passed]);
}

/// A ticket that is given up no longer counts and cannot be completed; what has arrived stays.
pub async fn gives_tickets_up(stores: &Stores) {
    let owner = stores.account().await;
    let new = new_upload(owner.id, Purpose::Avatar);
    let (upload, _) = stores
        .uploads
        .create_ticket(&new, &open_tickets(1))
        .await
        .unwrap();
    let given_up = stores.uploads.abandon(new.id).await.unwrap().unwrap();
    assert_eq!(given_up.state, UploadState::Expired);
    assert!(given_up.revision > upload.revision);
    let again = stores.uploads.abandon(new.id).await.unwrap();
    assert_eq!(again, Some(given_up), "a repeat changes nothing");
    let late = stores
        .uploads
        .complete(new.id, ETAG, &image_job(&upload), at(1))
        .await
        .unwrap();
    assert!(matches!(late, Completion::Refused(_)), "{late:?}");

    let next = new_upload(owner.id, Purpose::Avatar);
    let (next, _) = stores
        .uploads
        .create_ticket(&next, &open_tickets(1))
        .await
        .unwrap();
    stores
        .uploads
        .complete(next.id, ETAG, &image_job(&next), at(1))
        .await
        .unwrap();
    let arrived = stores.uploads.abandon(next.id).await.unwrap().unwrap();
    assert_eq!(arrived.state, UploadState::Received);
    assert_eq!(stores.uploads.abandon(UploadId(id())).await.unwrap(), None);
}
