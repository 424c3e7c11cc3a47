use std::time::Duration;

use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::token::Role;
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::answer::{RequestName, StoredAnswer};
use sluicegate_core::fair::Bounds;
use sluicegate_core::job::NewJob;
use sluicegate_core::ports::{ClaimRequest, CreateTicketError, Once, Prunable};
use sluicegate_core::session::{NewSession, Rotation};
use sluicegate_core::upload::UploadKey;

use crate::stores::{
    Stores, at, hash, id, image_job, new_account, new_post, new_session, new_upload, open_tickets,
    post_job,
};

async fn prune(stores: &Stores, what: Prunable, until: i64, limit: u32) -> u64 {
    stores.sweep.prune(what, at(until), limit).await.unwrap()
}

/// A job that is done, or else dead, at 100.
async fn settled(stores: &Stores, done: bool) -> JobId {
    let owner = stores.account().await;
    let upload = stores.ticket(owner.id, Purpose::Avatar).await;
    let queue = "sweep/prunes_jobs";
    let job = NewJob {
        queue,
        ..image_job(&upload)
    };
    stores.jobs.add(&job).await.unwrap();
    let request = ClaimRequest {
        queue,
        worker: "suite",
        limit: 1,
        lease: Duration::from_secs(30),
        bounds: Bounds::NONE,
    };
    let claimed = stores.jobs.claim(&request, at(1)).await.unwrap();
    let lease = claimed.first().unwrap().lease;
    if done {
        stores.jobs.settle(&lease, at(100)).await.unwrap();
    } else {
        stores.jobs.bury(&lease, "broken", at(100)).await.unwrap();
    }
    job.id
}

/// Those that were settled by then, at most as many as asked; done and dead ones apart.
pub async fn prunes_jobs(stores: &Stores) {
    for (what, other, done) in [
        (Prunable::DoneJobs, Prunable::DeadJobs, true),
        (Prunable::DeadJobs, Prunable::DoneJobs, false),
    ] {
        let jobs = [settled(stores, done).await, settled(stores, done).await];
        assert_eq!(prune(stores, what, 99, 10).await, 0);
        assert_eq!(prune(stores, other, 100, 10).await, 0);
        for left in [1, 0] {
            assert_eq!(prune(stores, what, 100, 1).await, 1);
            let mut there = 0;
            for job in jobs {
                there += u32::from(stores.jobs.job(job).await.unwrap().is_some());
            }
            assert_eq!(there, left);
        }
        assert_eq!(prune(stores, what, 100, 10).await, 0);
    }
}

/// Keys without an attempt since then.
pub async fn prunes_attempts(stores: &Stores) {
    let count = |key, now: Timestamp| stores.accounts.count_attempt(key, now, at(0));
    count("sweep/old", at(10)).await.unwrap();
    count("sweep/new", at(20)).await.unwrap();
    prune(stores, Prunable::Attempts, 10, 1_000).await;
    assert_eq!(count("sweep/old", at(30)).await.unwrap(), 1, "forgotten");
    assert_eq!(count("sweep/new", at(30)).await.unwrap(), 2);
}

/// Names that have expired, and only those.
pub async fn prunes_upload_keys(stores: &Stores) {
    let owner = stores.account().await;
    let ask = || {
        let mut new = new_upload(owner.id, Purpose::Avatar);
        let (key, expires_at) = ("k".to_owned(), at(50));
        new.key = Some(UploadKey { key, expires_at });
        async move { stores.uploads.create_ticket(&new, &open_tickets(20)).await }
    };
    ask().await.unwrap();
    prune(stores, Prunable::UploadKeys, 49, 1_000).await;
    let repeated = ask().await;
    assert!(matches!(repeated, Err(CreateTicketError::Repeated(_))));
    prune(stores, Prunable::UploadKeys, 50, 1_000).await;
    ask().await.unwrap();
}

/// Answers whose time is over, and only those.
pub async fn prunes_stored_answers(stores: &Stores) {
    let author = stores.account().await;
    let name = RequestName {
        owner: author.id,
        route: "POST /suite",
        key: "pruned".to_owned(),
        fingerprint: hash(),
        at: at(0),
    };
    let answer = |_| StoredAnswer {
        status: 201,
        location: None,
        body: "{}".to_owned(),
    };
    let once = Once {
        name: &name,
        answer: &answer,
    };
    let new = new_post(author.id, "kept for a day", None);
    let written = stores.posts.create_once(&new, &post_job(&new), &once).await;
    written.unwrap();
    let day = 24 * 60 * 60;
    prune(stores, Prunable::StoredAnswers, day - 1, 1_000).await;
    assert!(stores.answers.find(&name).await.unwrap().is_some());
    prune(stores, Prunable::StoredAnswers, day, 1_000).await;
    assert!(stores.answers.find(&name).await.unwrap().is_none());
}

/// Used tokens go, and their session lives on; sessions go when they ended or ran out.
pub async fn prunes_sessions_and_used_tokens(stores: &Stores) {
    let owner = stores.account().await;
    let session = new_session(owner.id);
    stores.sessions.start(&session).await.unwrap();
    let (new, until) = (hash(), session.expires_at);
    let rotate = |presented, new, now| async move {
        let sessions = &stores.sessions;
        sessions
            .rotate(&presented, &new, at(now), until)
            .await
            .unwrap()
    };
    let rotated = rotate(session.refresh, new, 10).await;
    assert!(matches!(rotated, Rotation::Rotated { .. }));
    prune(stores, Prunable::RefreshTokens, 10, 1_000).await;
    let used = rotate(session.refresh, hash(), 20).await;
    assert!(matches!(used, Rotation::Unknown), "{used:?}");
    assert!(
        stores
            .sessions
            .live(session.id, at(20))
            .await
            .unwrap()
            .is_some()
    );

    prune(stores, Prunable::Sessions, 20, 1_000).await;
    assert!(
        stores
            .sessions
            .live(session.id, at(20))
            .await
            .unwrap()
            .is_some()
    );
    stores.sessions.end(session.id, at(30)).await.unwrap();
    prune(stores, Prunable::Sessions, 30, 1_000).await;
    let gone = rotate(new, hash(), 31).await;
    assert!(matches!(gone, Rotation::Unknown), "{gone:?}");
    // It can be started anew: nothing of it is left.
    stores.sessions.start(&session).await.unwrap();
    assert!(
        stores
            .sessions
            .live(session.id, at(40))
            .await
            .unwrap()
            .is_some()
    );
    let past = until.since(at(0)).as_secs();
    prune(stores, Prunable::Sessions, past.try_into().unwrap(), 1_000).await;
    assert!(
        stores
            .sessions
            .live(session.id, at(40))
            .await
            .unwrap()
            .is_none()
    );
}

/// A row goes only after its objects were deleted for the second time, by then.
pub async fn prunes_uploads_that_were_swept_for_good(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.ticket(owner.id, Purpose::Avatar).await.id;
    let kept = stores.ready(owner.id, Purpose::Avatar).await.id;
    stores.uploads.abandon(upload).await.unwrap();
    for (now, left) in [(5_000, true), (6_000, false)] {
        let ids = [upload, kept];
        let noted = stores.sweep.note_swept(&ids, at(now), at(now)).await;
        noted.unwrap();
        prune(stores, Prunable::Uploads, 5_999, 1_000).await;
        let before = stores.uploads.upload(upload).await.unwrap();
        assert!(before.is_some());
        prune(stores, Prunable::Uploads, 6_000, 1_000).await;
        let after = stores.uploads.upload(upload).await.unwrap();
        assert_eq!(after.is_some(), left);
    }
    assert!(stores.uploads.upload(kept).await.unwrap().is_some());
}

/// Those from which nobody logged in since; a log-in makes a device young again.
pub async fn prunes_devices_without_a_log_in(stores: &Stores) {
    let account = new_account();
    let first = new_session(account.id);
    stores.accounts.create(&account, &first).await.unwrap();
    let later = NewSession {
        created_at: at(40),
        ..new_session(account.id)
    };
    stores.sessions.start(&later).await.unwrap();
    let knows = |device| {
        let handle = account.handle.clone();
        async move {
            let known = stores.sessions.knows_device(&handle, &device).await;
            known.unwrap()
        }
    };
    prune(stores, Prunable::Devices, -1, 1_000).await;
    assert!(knows(first.device).await && knows(later.device).await);
    prune(stores, Prunable::Devices, 39, 1_000).await;
    assert!(!knows(first.device).await && knows(later.device).await);
    let again = NewSession {
        device: later.device,
        created_at: at(60),
        ..new_session(account.id)
    };
    stores.sessions.start(&again).await.unwrap();
    prune(stores, Prunable::Devices, 59, 1_000).await;
    assert!(knows(later.device).await);
    prune(stores, Prunable::Devices, 60, 1_000).await;
    assert!(!knows(later.device).await);
}

/// Those of that age, and the role itself stays.
pub async fn prunes_role_changes(stores: &Stores) {
    // Before all times of other suites, so that what they changed is not counted.
    let (old, young) = (at(-900), at(-800));
    let account = stores.account().await;
    for (role, when) in [(Role::Reviewer, old), (Role::Operator, young)] {
        let set = stores.accounts.set_role(&account.handle, role, id(), when);
        set.await.unwrap();
    }
    for (until, pruned) in [(-901, 0), (-900, 1), (-900, 0), (-800, 1)] {
        let count = prune(stores, Prunable::RoleChanges, until, 10).await;
        assert_eq!(count, pruned, "by {until}");
    }
    let account = stores.accounts.account(account.id).await.unwrap();
    assert_eq!(account.unwrap().role, Role::Operator);
}
