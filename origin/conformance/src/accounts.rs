//! What every [`AccountStore`](sluicegate_core::ports::AccountStore) must do.

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]
#![expect(
    clippy::missing_panics_doc,
    reason = "that is how a promise is found broken"
)]

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::token::Role;
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::account::PictureSlot;
use sluicegate_core::ports::{CreateAccountError, SetPictureError};
use sluicegate_core::session::LiveSession;
use tokio::task::JoinSet;

use crate::promises::promises;
use crate::stores::{Stores, at, derivative, id, new_account, new_session, number, purge_account};

promises!(Stores:
    keeps_accounts,
    gives_a_handle_once,
    changes_only_what_is_named,
    shows_pictures,
    refuses_unsuitable_pictures,
    clears_pictures,
    counts_attempts_in_a_window,
    counts_attempts_that_come_at_once,
    answers_pings,
    changes_roles,
    hides_who_leaves,
    brings_back_who_left,
);

/// An account is found by id and handle, can log in, and has a session that lives.
pub async fn keeps_accounts(stores: &Stores) {
    let new = new_account();
    let session = new_session(new.id);
    let created = stores.accounts.create(&new, &session).await.unwrap();
    assert_eq!((created.id, &created.handle), (new.id, &new.handle));
    assert_eq!(
        (&created.display_name, created.bio.as_str()),
        (&new.display_name, "")
    );
    assert_eq!(
        (created.role, created.created_at),
        (Role::User, new.created_at)
    );
    assert_eq!((&created.avatar, &created.profile_header), (&None, &None));
    assert_eq!(
        stores.accounts.account(new.id).await.unwrap().as_ref(),
        Some(&created)
    );
    assert_eq!(
        stores
            .accounts
            .by_handle(&new.handle)
            .await
            .unwrap()
            .as_ref(),
        Some(&created)
    );
    let credentials = stores
        .accounts
        .credentials(&new.handle)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (credentials.account, credentials.password_hash),
        (new.id, new.password_hash)
    );
    assert!(
        stores
            .sessions
            .live(session.id, at(1))
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        stores
            .accounts
            .credentials("nobody_here")
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        stores.accounts.by_handle("nobody_here").await.unwrap(),
        None
    );
}

/// Of many who want a handle at once one gets it; the others leave nothing behind.
pub async fn gives_a_handle_once(stores: &Stores) {
    let handle = new_account().handle;
    let mut wanted = JoinSet::new();
    for _ in 0..8 {
        let (accounts, handle) = (stores.accounts.clone(), handle.clone());
        wanted.spawn(async move {
            let account = sluicegate_core::account::NewAccount {
                handle,
                ..new_account()
            };
            let session = new_session(account.id);
            (session.id, accounts.create(&account, &session).await)
        });
    }
    let mut created = 0;
    for (session, result) in wanted.join_all().await {
        let live = stores
            .sessions
            .live(session, at(1))
            .await
            .unwrap()
            .is_some();
        match result {
            Ok(_) => created += 1,
            Err(CreateAccountError::HandleTaken) => assert!(!live, "half an account was made"),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(created, 1);
}

/// `None` leaves as it is; an unknown account is nothing.
pub async fn changes_only_what_is_named(stores: &Stores) {
    let account = stores.account().await;
    let accounts = &stores.accounts;
    let renamed = accounts
        .update_profile(account.id, Some("Ada"), None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (renamed.display_name.as_str(), renamed.bio.as_str()),
        ("Ada", "")
    );
    let told = accounts
        .update_profile(account.id, None, Some("Hi"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (told.display_name.as_str(), told.bio.as_str()),
        ("Ada", "Hi")
    );
    let nobody = sluicegate_contract::ids::AccountId(id());
    assert_eq!(
        accounts
            .update_profile(nobody, Some("x"), None)
            .await
            .unwrap(),
        None
    );
}

/// From `received` on a picture is shown, and with its size once it is made.
pub async fn shows_pictures(stores: &Stores) {
    let account = stores.account().await;
    let received = stores.received(account.id, Purpose::Avatar).await;
    let set = |slot, upload| stores.accounts.set_picture(account.id, slot, upload);
    let shown = set(PictureSlot::Avatar, received.id)
        .await
        .unwrap()
        .avatar
        .unwrap();
    assert_eq!(
        (shown.upload, shown.width, shown.blurhash),
        (received.id, None, None)
    );
    stores.made(received.id).await;
    let again = set(PictureSlot::Avatar, received.id).await.unwrap();
    let made = derivative();
    let shown = again.avatar.clone().unwrap();
    assert_eq!(
        (shown.width, shown.height),
        (Some(made.width), Some(made.height))
    );
    assert_eq!(shown.blurhash, Some(made.blurhash));
    let header = stores.ready(account.id, Purpose::ProfileHeader).await;
    let both = set(PictureSlot::ProfileHeader, header.id).await.unwrap();
    assert_eq!(both.avatar, again.avatar);
    assert_eq!(both.profile_header.unwrap().upload, header.id);
}

/// Nobody shows what is not theirs, not for that place, not there or not there any more.
pub async fn refuses_unsuitable_pictures(stores: &Stores) {
    let account = stores.account().await;
    let other = stores.account().await;
    let ticketed = stores.ticket(account.id, Purpose::Avatar).await;
    let foreign = stores.ready(other.id, Purpose::Avatar).await;
    let header = stores.ready(account.id, Purpose::ProfileHeader).await;
    let rejected = stores.received(account.id, Purpose::Avatar).await;
    stores
        .uploads
        .reject(rejected.id, "broken", at(2))
        .await
        .unwrap();
    for upload in [
        ticketed.id,
        foreign.id,
        header.id,
        rejected.id,
        UploadId(id()),
    ] {
        let set = stores
            .accounts
            .set_picture(account.id, PictureSlot::Avatar, upload)
            .await;
        assert!(matches!(set, Err(SetPictureError::Unsuitable)), "{set:?}");
    }
    assert_eq!(
        stores
            .accounts
            .account(account.id)
            .await
            .unwrap()
            .unwrap()
            .avatar,
        None
    );
}

/// A slot is cleared alone, as often as one likes.
pub async fn clears_pictures(stores: &Stores) {
    let account = stores.account().await;
    let accounts = &stores.accounts;
    for (slot, purpose) in [
        (PictureSlot::Avatar, Purpose::Avatar),
        (PictureSlot::ProfileHeader, Purpose::ProfileHeader),
    ] {
        let upload = stores.ready(account.id, purpose).await;
        accounts
            .set_picture(account.id, slot, upload.id)
            .await
            .unwrap();
    }
    for _ in 0..2 {
        let left = accounts
            .clear_picture(account.id, PictureSlot::Avatar)
            .await
            .unwrap()
            .unwrap();
        assert!(left.avatar.is_none() && left.profile_header.is_some());
    }
    let left = accounts
        .clear_picture(account.id, PictureSlot::ProfileHeader)
        .await
        .unwrap();
    assert!(left.unwrap().profile_header.is_none());
    let nobody = sluicegate_contract::ids::AccountId(id());
    assert_eq!(
        accounts
            .clear_picture(nobody, PictureSlot::Avatar)
            .await
            .unwrap(),
        None
    );
}

/// Attempts count from `since` on, each key by itself, until they are forgotten.
pub async fn counts_attempts_in_a_window(stores: &Stores) {
    let (key, other) = (format!("key {}", number()), format!("key {}", number()));
    let count = |key, now, since| stores.accounts.count_attempt(key, at(now), at(since));
    assert_eq!(count(&key, 0, -60).await.unwrap(), 1);
    assert_eq!(count(&key, 10, -50).await.unwrap(), 2);
    assert_eq!(count(&other, 10, -50).await.unwrap(), 1);
    assert_eq!(count(&key, 65, 5).await.unwrap(), 2, "the first is too old");
    stores.accounts.forget_attempts(&key).await.unwrap();
    stores.accounts.forget_attempts(&key).await.unwrap();
    assert_eq!(count(&key, 66, 6).await.unwrap(), 1);
    assert_eq!(count(&other, 66, 6).await.unwrap(), 2);
}

/// No two attempts get the same count, so a limit cannot be passed by hurrying.
pub async fn counts_attempts_that_come_at_once(stores: &Stores) {
    let key = format!("key {}", number());
    let mut attempts = JoinSet::new();
    for _ in 0..20 {
        let (accounts, key) = (stores.accounts.clone(), key.clone());
        attempts.spawn(async move { accounts.count_attempt(&key, at(0), at(-60)).await.unwrap() });
    }
    let mut counts = attempts.join_all().await;
    counts.sort_unstable();
    assert_eq!(counts, (1..=20).collect::<Vec<u64>>());
}

/// Answers while the database does.
pub async fn answers_pings(stores: &Stores) {
    stores.accounts.ping().await.unwrap();
}

/// A session that lives has the new role at once; who has it already, or is not there, is told apart.
pub async fn changes_roles(stores: &Stores) {
    let new = new_account();
    let session = new_session(new.id);
    stores.accounts.create(&new, &session).await.unwrap();
    let set = async |handle: &str, role| {
        let set = stores.accounts.set_role(handle, role, id(), at(1));
        set.await.unwrap()
    };
    assert_eq!(set(&new.handle, Role::Reviewer).await, Some(Role::User));
    let live = stores.sessions.live(session.id, at(2)).await.unwrap();
    let expected = LiveSession {
        account: new.id,
        role: Role::Reviewer,
    };
    assert_eq!(live, Some(expected));
    assert_eq!(set(&new.handle, Role::Reviewer).await, Some(Role::Reviewer));
    assert_eq!(set(&new.handle, Role::User).await, Some(Role::Reviewer));
    let account = stores.accounts.account(new.id).await.unwrap().unwrap();
    assert_eq!(account.role, Role::User);
    assert_eq!(set("nobody_here", Role::Operator).await, None);
}

/// At once for everybody else, and with all sessions; the handle stays taken.
pub async fn hides_who_leaves(stores: &Stores) {
    let new = new_account();
    let session = new_session(new.id);
    stores.accounts.create(&new, &session).await.unwrap();
    let post = stores.post(new.id, "good bye").await;
    let accounts = &stores.accounts;
    assert!(!accounts.is_hidden(new.id).await.unwrap());
    let (job, other) = (purge_account(new.id), purge_account(new.id));
    let until = accounts.leave(new.id, at(1), at(100), &job).await;
    assert_eq!(until.unwrap(), Some(at(100)));
    let again = accounts.leave(new.id, at(2), at(200), &other).await;
    assert_eq!(again.unwrap(), Some(at(100)), "the first call decides");
    assert!(stores.jobs.job(job.id).await.unwrap().is_some());
    assert_eq!(stores.jobs.job(other.id).await.unwrap(), None);
    assert!(accounts.is_hidden(new.id).await.unwrap());
    assert_eq!(accounts.by_handle(&new.handle).await.unwrap(), None);
    assert_eq!(stores.sessions.live(session.id, at(2)).await.unwrap(), None);
    assert_eq!(stores.posts.post(post.id).await.unwrap(), None);
    for author in [None, Some(new.id)] {
        let listed = stores.posts.list(author, None, 100).await.unwrap();
        assert!(!listed.iter().any(|listed| listed.id == post.id));
    }
    let found = accounts.credentials(&new.handle).await.unwrap().unwrap();
    assert_eq!(found.delete_after, Some(at(100)));
    let other = sluicegate_core::account::NewAccount {
        handle: new.handle,
        ..new_account()
    };
    let taken = accounts.create(&other, &new_session(other.id)).await;
    assert!(matches!(taken, Err(CreateAccountError::HandleTaken)));
    let nobody = sluicegate_contract::ids::AccountId(id());
    let job = purge_account(nobody);
    let left = accounts.leave(nobody, at(1), at(2), &job).await;
    assert_eq!(left.unwrap(), None);
    assert_eq!(stores.jobs.job(job.id).await.unwrap(), None);
    assert!(accounts.is_hidden(nobody).await.unwrap());
}

/// Everything but sessions, and only before the time is over.
pub async fn brings_back_who_left(stores: &Stores) {
    let new = new_account();
    let session = new_session(new.id);
    let accounts = &stores.accounts;
    let created = accounts.create(&new, &session).await.unwrap();
    let post = stores.post(new.id, "here again").await;
    let first = purge_account(new.id);
    let left = accounts.leave(new.id, at(1), at(100), &first).await;
    left.unwrap();
    assert!(
        !accounts.restore(new.id, at(100)).await.unwrap(),
        "too late"
    );
    for _ in 0..2 {
        assert!(accounts.restore(new.id, at(99)).await.unwrap());
    }
    let found = accounts.by_handle(&new.handle).await.unwrap();
    assert_eq!(found, Some(created));
    let listed = stores.posts.list(Some(new.id), None, 10).await.unwrap();
    assert_eq!(listed.first().map(|listed| listed.id), Some(post.id));
    assert_eq!(stores.sessions.live(session.id, at(2)).await.unwrap(), None);
    let due = stores.erasure.due(at(1_000), 1_000).await.unwrap();
    assert!(!due.contains(&new.id));

    // Who leaves again is hidden again.
    let second = purge_account(new.id);
    let left = accounts.leave(new.id, at(50), at(5_000), &second).await;
    assert_eq!(left.unwrap(), Some(at(5_000)));
    assert!(stores.jobs.job(second.id).await.unwrap().is_some());
}
