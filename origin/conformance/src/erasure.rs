//! What every [`ErasureStore`](sluicegate_core::ports::ErasureStore) must do.

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]
#![expect(
    clippy::missing_panics_doc,
    reason = "that is how a promise is found broken"
)]

use sluicegate_contract::ids::AccountId;
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::token::Role;
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::account::{NewAccount, PictureSlot};
use sluicegate_core::moderation::{Outcome, Subject};
use sluicegate_core::ports::ImageVerdict;

use crate::promises::promises;
use crate::stores::{
    Stores, at, id, new_account, new_post, new_session, post_job, purge_account, record,
};

promises!(Stores:
    names_what_is_due,
    lists_pictures_that_may_have_been_seen,
    writes_jobs_unless_the_account_is_gone,
    erases_a_person_and_nobody_else,
    keeps_an_account_with_something_left,
);

/// Somebody with a bit of everything: a profile with a picture, posts, a verdict, a role, log-ins.
async fn somebody(stores: &Stores) -> NewAccount {
    let new = new_account();
    let first = new_session(new.id);
    stores.accounts.create(&new, &first).await.unwrap();
    stores.sessions.start(&new_session(new.id)).await.unwrap();
    let avatar = stores.ready(new.id, Purpose::Avatar).await;
    let set = stores
        .accounts
        .set_picture(new.id, PictureSlot::Avatar, avatar.id);
    set.await.unwrap();
    let passed = record(Subject::Upload(avatar.id), new.id, Outcome::Passed);
    let verdict = ImageVerdict::Passed(passed);
    let judged = stores
        .uploads
        .apply_verdict(avatar.id, &verdict, None, at(5));
    judged.await.unwrap();
    stores.ticket(new.id, Purpose::Avatar).await;
    let header = stores.ready(new.id, Purpose::PostHeader).await;
    for picture in [Some(header.id), None] {
        let post = new_post(new.id, "a post", picture);
        stores.posts.create(&post, &post_job(&post)).await.unwrap();
    }
    let operator = stores
        .accounts
        .set_role(&new.handle, Role::Operator, id(), at(1));
    operator.await.unwrap();
    for key in ["", ":address:192.0.2.1"] {
        let key = format!("log-in:handle:{}{key}", new.handle);
        stores
            .accounts
            .count_attempt(&key, at(1), at(0))
            .await
            .unwrap();
    }
    new
}

async fn erase_contents(stores: &Stores, account: AccountId) {
    let erasure = &stores.erasure;
    while erasure.erase_posts(account, 1).await.unwrap() > 0 {}
    loop {
        let uploads = erasure.uploads(account, 2).await.unwrap();
        assert!(uploads.len() <= 2);
        if uploads.is_empty() {
            break;
        }
        erasure.erase_uploads(account, &uploads).await.unwrap();
        erasure.erase_uploads(account, &uploads).await.unwrap();
    }
    while erasure.erase_records(account, 1).await.unwrap() > 0 {}
}

async fn leave(stores: &Stores, id: AccountId, now: i64, after: i64) -> Option<Timestamp> {
    let job = purge_account(id);
    let left = stores.accounts.leave(id, at(now), at(after), &job).await;
    left.unwrap()
}

/// Each picture that somebody may have seen, page by page; no tickets, and none that was taken away.
pub async fn lists_pictures_that_may_have_been_seen(stores: &Stores) {
    let owner = stores.account().await.id;
    stores
        .ready(stores.account().await.id, Purpose::Avatar)
        .await;
    stores.ticket(owner, Purpose::Avatar).await;
    let received = stores.received(owner, Purpose::Avatar).await.id;
    let ready = stores.ready(owner, Purpose::Avatar).await.id;
    let removed = stores.ready(owner, Purpose::Avatar).await.id;
    let verdict = record(Subject::Upload(removed), owner, Outcome::Removed);
    let verdict = ImageVerdict::Removed(verdict);
    let judged = stores.uploads.apply_verdict(removed, &verdict, None, at(5));
    judged.await.unwrap();
    let refused = stores.received(owner, Purpose::Avatar).await.id;
    stores
        .uploads
        .reject(refused, "broken", at(2))
        .await
        .unwrap();
    let last = stores.ready(owner, Purpose::PostHeader).await.id;

    let page = async |after, limit| {
        let page = stores.erasure.pictures(owner, after, limit).await;
        page.unwrap()
    };
    assert_eq!(page(None, 10).await, [received, ready, last]);
    assert_eq!(page(None, 2).await, [received, ready]);
    assert_eq!(page(Some(ready), 2).await, [last]);
    assert_eq!(page(Some(last), 2).await, []);
}

/// Once each, as long as the account is there; and they are gone with it.
pub async fn writes_jobs_unless_the_account_is_gone(stores: &Stores) {
    let account = stores.account().await.id;
    let jobs = [purge_account(account), purge_account(account)];
    for _ in 0..2 {
        assert!(stores.erasure.add_jobs(account, &jobs).await.unwrap());
    }
    for job in &jobs {
        assert!(stores.jobs.job(job.id).await.unwrap().is_some());
    }
    leave(stores, account, 6, 7).await;
    stores.erasure.due(at(7), 1_000).await.unwrap();
    stores.erasure.finish(account).await.unwrap();
    assert!(!stores.erasure.add_jobs(account, &jobs).await.unwrap());
    for job in &jobs {
        assert_eq!(stores.jobs.job(job.id).await.unwrap(), None);
    }
}

/// From `delete_after` on, again and again; and then it is too late to come back.
pub async fn names_what_is_due(stores: &Stores) {
    let account = stores.account().await;
    leave(stores, account.id, 1, 100).await;
    let due = async |seconds| {
        let due = stores.erasure.due(at(seconds), 1_000).await.unwrap();
        due.contains(&account.id)
    };
    assert!(!due(99).await);
    assert!(due(100).await);
    assert!(!stores.accounts.restore(account.id, at(50)).await.unwrap());
    assert!(
        stores
            .accounts
            .credentials(&account.handle)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(leave(stores, account.id, 1, 900).await, None);
    assert!(due(101).await);
}

/// All of it, as often as one likes; the handle is free then.
pub async fn erases_a_person_and_nobody_else(stores: &Stores) {
    let (gone, stays) = (somebody(stores).await, somebody(stores).await);
    let before = stores.accounts.account(stays.id).await.unwrap();
    leave(stores, gone.id, 6, 7).await;
    let due = stores.erasure.due(at(7), 1_000).await.unwrap();
    assert!(due.contains(&gone.id) && !due.contains(&stays.id));
    for _ in 0..2 {
        erase_contents(stores, gone.id).await;
        stores.erasure.finish(gone.id).await.unwrap();
    }
    assert_eq!(stores.accounts.account(gone.id).await.unwrap(), None);
    assert_eq!(stores.accounts.account(stays.id).await.unwrap(), before);
    let posts = stores.posts.list(Some(stays.id), None, 10).await.unwrap();
    assert_eq!(posts.len(), 2);
    assert_eq!(stores.erasure.uploads(stays.id, 10).await.unwrap().len(), 3);
    let attempts = async |handle: &str| {
        let key = format!("log-in:handle:{handle}:address:192.0.2.1");
        let count = stores.accounts.count_attempt(&key, at(2), at(0));
        count.await.unwrap()
    };
    assert_eq!(
        (attempts(&gone.handle).await, attempts(&stays.handle).await),
        (1, 2)
    );
    let again = NewAccount {
        handle: gone.handle,
        ..new_account()
    };
    let session = new_session(again.id);
    stores.accounts.create(&again, &session).await.unwrap();
}

/// The account goes last: what is left of it is found by it. And it goes only if its owner said so.
pub async fn keeps_an_account_with_something_left(stores: &Stores) {
    let new = somebody(stores).await;
    let session = new_session(new.id);
    stores.sessions.start(&session).await.unwrap();
    stores.erasure.finish(new.id).await.unwrap();
    let live = stores.sessions.live(session.id, at(1)).await.unwrap();
    assert!(live.is_some(), "it was not to be erased at all");
    leave(stores, new.id, 6, 7).await;
    stores.erasure.due(at(7), 1_000).await.unwrap();
    assert!(stores.erasure.finish(new.id).await.is_err());
    assert!(stores.accounts.account(new.id).await.unwrap().is_some());
    erase_contents(stores, new.id).await;
    stores.erasure.finish(new.id).await.unwrap();
    assert_eq!(stores.accounts.account(new.id).await.unwrap(), None);
}
