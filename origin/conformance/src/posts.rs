//! What every [`PostStore`](sluicegate_core::ports::PostStore) must do.

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]
#![expect(
    clippy::missing_panics_doc,
    reason = "that is how a promise is found broken"
)]

use std::time::Duration;

use sluicegate_contract::ids::{AccountId, PostId, UploadId};
use sluicegate_contract::uploads::{Moderation, Purpose};
use sluicegate_core::account::PictureSlot;
use sluicegate_core::fair::Bounds;
use sluicegate_core::job::JobState;
use sluicegate_core::moderation::{Outcome, Record, Subject};
use sluicegate_core::ports::{ClaimRequest, CreatePostError, SettleError};
use sluicegate_core::post::{PostCursor, fingerprint};

use crate::promises::promises;
use crate::stores::{Stores, at, id, new_post, post_job, record};

promises!(Stores:
    writes_post_and_job_together,
    refuses_unsuitable_pictures,
    shows_author_and_pictures,
    lists_newest_first_in_pages,
    lets_authors_delete,
    finds_earlier_duplicates,
    passes,
    removes,
    settles_with_the_verdict,
    leaves_all_as_it_is_with_a_lost_lease,
);

fn verdict(post: PostId, author: AccountId, outcome: Outcome) -> Record {
    record(Subject::Post(post), author, outcome)
}

/// Both are there, or neither.
pub async fn writes_post_and_job_together(stores: &Stores) {
    let author = stores.account().await;
    let new = new_post(author.id, "Hello", None);
    let job = post_job(&new);
    let post = stores.posts.create(&new, &job).await.unwrap();
    assert_eq!((post.id, post.body.as_str()), (new.id, "Hello"));
    assert_eq!(
        (post.author.id, &post.author.handle),
        (author.id, &author.handle)
    );
    assert_eq!(
        (post.moderation, post.created_at),
        (Moderation::Unreviewed, new.created_at)
    );
    assert_eq!(stores.posts.post(new.id).await.unwrap(), Some(post));
    let view = stores.jobs.job(job.id).await.unwrap().unwrap();
    assert_eq!(
        (view.state, view.queue.as_str()),
        (JobState::Ready, job.queue)
    );
    assert_eq!(stores.posts.post(PostId(id())).await.unwrap(), None);
}

/// With a picture that cannot be used neither post nor job is written.
pub async fn refuses_unsuitable_pictures(stores: &Stores) {
    let (author, other) = (stores.account().await, stores.account().await);
    let removed = stores.received(author.id, Purpose::PostHeader).await;
    stores
        .uploads
        .reject(removed.id, "broken", at(2))
        .await
        .unwrap();
    for upload in [
        stores.ticket(author.id, Purpose::PostHeader).await.id,
        stores.ready(author.id, Purpose::Avatar).await.id,
        stores.ready(other.id, Purpose::PostHeader).await.id,
        removed.id,
        UploadId(id()),
    ] {
        let new = new_post(author.id, "With a picture", Some(upload));
        let job = post_job(&new);
        let refused = stores.posts.create(&new, &job).await;
        assert!(
            matches!(refused, Err(CreatePostError::UnsuitableUpload)),
            "{refused:?}"
        );
        assert_eq!(stores.posts.post(new.id).await.unwrap(), None);
        assert_eq!(stores.jobs.job(job.id).await.unwrap(), None);
    }
}

/// A post comes with what is shown of its author, and with its picture.
pub async fn shows_author_and_pictures(stores: &Stores) {
    let author = stores.account().await;
    let avatar = stores.ready(author.id, Purpose::Avatar).await;
    stores
        .accounts
        .set_picture(author.id, PictureSlot::Avatar, avatar.id)
        .await
        .unwrap();
    let header = stores.ready(author.id, Purpose::PostHeader).await;
    let new = new_post(author.id, "With a picture", Some(header.id));
    let post = stores.posts.create(&new, &post_job(&new)).await.unwrap();
    let shown = post.author.avatar.as_ref().unwrap();
    assert_eq!((shown.upload, shown.width), (avatar.id, Some(400)));
    assert_eq!(post.author.display_name, author.display_name);
    let shown = post.header.as_ref().unwrap();
    assert_eq!((shown.upload, shown.height), (header.id, Some(300)));
    let listed = stores.posts.list(Some(author.id), None, 10).await.unwrap();
    assert_eq!(listed, [post]);
}

/// Pages follow each other without gap or repeat; one author's list holds theirs alone.
pub async fn lists_newest_first_in_pages(stores: &Stores) {
    let (author, other) = (stores.account().await, stores.account().await);
    let mut written = Vec::new();
    for n in 0..5 {
        written.push(stores.post(author.id, &format!("Post {n}")).await.id);
        stores.post(other.id, "In between").await;
    }
    written.reverse();
    let mut read = Vec::new();
    let mut cursor = None;
    loop {
        let page = stores.posts.list(Some(author.id), cursor, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        cursor = Some(PostCursor { before: last.id });
        read.extend(page.iter().map(|post| post.id));
    }
    assert_eq!(read, written);
    let everybody = stores.posts.list(None, None, 4).await.unwrap();
    assert_eq!(everybody.len(), 4);
    assert!(everybody.is_sorted_by(|newer, older| newer.id > older.id));
    let cursor = everybody.last().map(|post| PostCursor { before: post.id });
    let next = stores.posts.list(None, cursor, 1).await.unwrap();
    assert!(next.first().unwrap().id < everybody.last().unwrap().id);
}

/// Only the author deletes, once, and then it is in no list and under no id.
pub async fn lets_authors_delete(stores: &Stores) {
    let (author, other) = (stores.account().await, stores.account().await);
    let post = stores.post(author.id, "Going").await;
    assert!(!stores.posts.delete(post.id, other.id, at(1)).await.unwrap());
    assert!(
        stores
            .posts
            .delete(post.id, author.id, at(1))
            .await
            .unwrap()
    );
    assert!(
        !stores
            .posts
            .delete(post.id, author.id, at(1))
            .await
            .unwrap()
    );
    assert_eq!(stores.posts.post(post.id).await.unwrap(), None);
    assert!(
        stores
            .posts
            .list(Some(author.id), None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        !stores
            .posts
            .delete(PostId(id()), author.id, at(1))
            .await
            .unwrap()
    );
}

/// The oldest equal post of the same author, not the post itself, not a deleted one, not one too old.
pub async fn finds_earlier_duplicates(stores: &Stores) {
    let (author, other) = (stores.account().await, stores.account().await);
    let same = fingerprint("Same words");
    let search = |since, than| {
        stores
            .posts
            .earlier_duplicate(author.id, &same, at(since), than)
    };
    stores.post(other.id, "Same words").await;
    stores.post(author.id, "Other words").await;
    assert_eq!(search(0, None).await.unwrap(), None);
    let first = stores.post(author.id, "Same words").await;
    let second = stores.post(author.id, "same  WORDS").await;
    assert_eq!(search(0, None).await.unwrap(), Some(first.id));
    assert_eq!(search(0, Some(first.id)).await.unwrap(), None);
    assert_eq!(search(0, Some(second.id)).await.unwrap(), Some(first.id));
    assert_eq!(
        search(1, Some(second.id)).await.unwrap(),
        None,
        "written before `since`"
    );
    stores
        .posts
        .delete(first.id, author.id, at(1))
        .await
        .unwrap();
    assert_eq!(search(0, Some(second.id)).await.unwrap(), None);
    assert_eq!(search(0, None).await.unwrap(), Some(second.id));
}

/// A post that passed says so; the same verdict again leaves no second record.
pub async fn passes(stores: &Stores) {
    let author = stores.account().await;
    let post = stores.post(author.id, "Fine").await;
    let first = verdict(post.id, author.id, Outcome::Passed);
    stores
        .posts
        .apply_verdict(post.id, &first, None, at(2))
        .await
        .unwrap();
    let again = verdict(post.id, author.id, Outcome::Passed);
    stores
        .posts
        .apply_verdict(post.id, &again, None, at(3))
        .await
        .unwrap();
    let shown = stores.posts.post(post.id).await.unwrap().unwrap();
    assert_eq!(shown.moderation, Moderation::Passed);
    assert_eq!(stores.posts.records(post.id).await.unwrap(), [first]);
    assert!(stores.posts.records(PostId(id())).await.unwrap().is_empty());
}

/// A removed post is nowhere, also if it had passed; a later pass does not bring it back.
pub async fn removes(stores: &Stores) {
    let author = stores.account().await;
    let post = stores.post(author.id, "Not fine").await;
    let verdicts = [
        Outcome::Passed,
        Outcome::Removed,
        Outcome::Removed,
        Outcome::Passed,
    ]
    .map(|outcome| verdict(post.id, author.id, outcome));
    for verdict in &verdicts {
        stores
            .posts
            .apply_verdict(post.id, verdict, None, at(2))
            .await
            .unwrap();
    }
    assert_eq!(stores.posts.post(post.id).await.unwrap(), None);
    assert!(
        stores
            .posts
            .list(Some(author.id), None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let fingerprint = fingerprint("Not fine");
    let found = stores
        .posts
        .earlier_duplicate(author.id, &fingerprint, at(0), None)
        .await;
    assert_eq!(found.unwrap(), None);
    assert_eq!(stores.posts.records(post.id).await.unwrap(), verdicts[..2]);
}

/// Verdict, record and job are committed together.
pub async fn settles_with_the_verdict(stores: &Stores) {
    let author = stores.account().await;
    let new = new_post(author.id, "Leased", None);
    let job = sluicegate_core::job::NewJob {
        queue: "posts/settles",
        ..post_job(&new)
    };
    stores.posts.create(&new, &job).await.unwrap();
    let request = ClaimRequest {
        queue: job.queue,
        worker: "suite",
        limit: 1,
        lease: Duration::from_secs(30),
        bounds: Bounds::NONE,
    };
    let claimed = stores.jobs.claim(&request, at(0)).await.unwrap();
    let lease = claimed.first().unwrap().lease;
    let passed = verdict(new.id, author.id, Outcome::Passed);
    stores
        .posts
        .apply_verdict(new.id, &passed, Some(&lease), at(2))
        .await
        .unwrap();
    assert_eq!(
        stores.jobs.job(job.id).await.unwrap().unwrap().state,
        JobState::Done
    );
    assert_eq!(stores.posts.records(new.id).await.unwrap(), [passed]);
}

/// Whoever lost the job changes nothing.
pub async fn leaves_all_as_it_is_with_a_lost_lease(stores: &Stores) {
    let author = stores.account().await;
    let post = stores.post(author.id, "Lost").await;
    let lost = sluicegate_core::job::Lease {
        job: sluicegate_contract::ids::JobId(id()),
        attempt: 1,
    };
    let removed = verdict(post.id, author.id, Outcome::Removed);
    let result = stores
        .posts
        .apply_verdict(post.id, &removed, Some(&lost), at(2))
        .await;
    assert!(
        matches!(result, Err(SettleError::LeaseLost(_))),
        "{result:?}"
    );
    let shown = stores.posts.post(post.id).await.unwrap().unwrap();
    assert_eq!(shown.moderation, Moderation::Unreviewed);
    assert!(stores.posts.records(post.id).await.unwrap().is_empty());
}
