use std::time::Duration;

use sluicegate_contract::ids::{AccountId, PostId, UploadId};
use sluicegate_contract::uploads::{Purpose, UploadState};
use sluicegate_core::account::PictureSlot;
use sluicegate_core::upload::Maker;

use crate::stores::{Stores, at, id, new_post, post_job};

const MUCH: u32 = 1_000;
const DAY: i64 = 86_400;

/// Looks at all uploads, two at a time.
async fn find(stores: &Stores, received: i64, now: i64) -> u64 {
    let (mut after, mut found) = (None, 0);
    loop {
        let scan = stores.sweep.find_loose(after, at(received), at(now), 2);
        let scan = scan.await.unwrap();
        found += scan.found;
        assert!(scan.next.is_none() || scan.next > after, "it goes on");
        after = scan.next;
        if after.is_none() {
            return found;
        }
    }
}

async fn expire(stores: &Stores, loose: i64, now: i64) -> Vec<UploadId> {
    let failed = at(loose - 30 * DAY);
    let expired = stores.sweep.expire_loose(at(loose), failed, at(now), MUCH);
    expired.await.unwrap()
}

async fn show(stores: &Stores, owner: AccountId, upload: UploadId) {
    let slot = PictureSlot::Avatar;
    let set = stores.accounts.set_picture(owner, slot, upload).await;
    set.unwrap();
}

async fn post(stores: &Stores, author: AccountId) -> (PostId, UploadId) {
    let header = stores.ready(author, Purpose::PostHeader).await.id;
    let new = new_post(author, "With a picture", Some(header));
    stores.posts.create(&new, &post_job(&new)).await.unwrap();
    (new.id, header)
}

/// A ticket that nobody completed ends when it ran out, and no other; at most as many as asked.
pub async fn ends_tickets_that_ran_out(stores: &Stores) {
    let owner = stores.account().await;
    let mut tickets = Vec::new();
    for _ in 0..3 {
        tickets.push(stores.ticket(owner.id, Purpose::Avatar).await);
    }
    let received = stores.received(owner.id, Purpose::Avatar).await;
    let until = tickets.first().unwrap().expires_at;
    let early = until.minus(Duration::from_millis(1));
    assert_eq!(stores.sweep.expire_tickets(early, MUCH).await.unwrap(), []);
    let mut ended = stores.sweep.expire_tickets(until, 2).await.unwrap();
    assert_eq!(ended.len(), 2);
    ended.extend(stores.sweep.expire_tickets(until, MUCH).await.unwrap());
    for ticket in tickets {
        assert!(ended.contains(&ticket.id));
        let now = stores.upload(ticket.id).await;
        assert_eq!(
            (now.state, now.revision),
            (UploadState::Expired, ticket.revision + 1)
        );
    }
    assert_eq!(stores.upload(received.id).await, received);
    assert_eq!(stores.sweep.expire_tickets(until, MUCH).await.unwrap(), []);
}

/// What was never shown, was replaced, or was shown by a post that its author deleted ends after its time; what is shown
/// stays, and so does what has just arrived.
pub async fn ends_what_nothing_shows(stores: &Stores) {
    let owner = stores.account().await;
    let never = stores.received(owner.id, Purpose::Avatar).await.id;
    let replaced = stores.ready(owner.id, Purpose::Avatar).await.id;
    let shown = stores.ready(owner.id, Purpose::Avatar).await.id;
    let header = stores.ready(owner.id, Purpose::ProfileHeader).await.id;
    for upload in [replaced, shown] {
        show(stores, owner.id, upload).await;
    }
    let slot = PictureSlot::ProfileHeader;
    let set = stores.accounts.set_picture(owner.id, slot, header).await;
    set.unwrap();
    let (_, posted) = post(stores, owner.id).await;
    let (deleted, let_go) = post(stores, owner.id).await;
    assert!(stores.posts.delete(deleted, owner.id, at(3)).await.unwrap());

    assert_eq!(find(stores, 0, 100).await, 0, "all arrived at 1");
    assert!(find(stores, 1, 100).await >= 3);
    assert_eq!(find(stores, 1, 200).await, 0, "they are known");
    assert_eq!(expire(stores, 99, 300).await, []);
    let ended = expire(stores, 100, 300).await;
    for upload in [never, replaced, let_go] {
        assert!(ended.contains(&upload));
        assert_eq!(stores.upload(upload).await.state, UploadState::Expired);
        let late = stores
            .accounts
            .set_picture(owner.id, PictureSlot::Avatar, upload);
        late.await.unwrap_err();
    }
    for upload in [shown, header, posted] {
        assert!(!ended.contains(&upload));
        assert_eq!(stores.upload(upload).await.state, UploadState::Ready);
    }
    assert_eq!(expire(stores, 100, 300).await, []);
}

/// What is shown again in time stays, and its time begins anew when it is let go.
pub async fn ends_nothing_that_is_shown_again(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.ready(owner.id, Purpose::Avatar).await.id;
    find(stores, 1, 100).await;
    show(stores, owner.id, upload).await;
    assert!(!expire(stores, 100, 300).await.contains(&upload));
    let slot = PictureSlot::Avatar;
    let cleared = stores.accounts.clear_picture(owner.id, slot).await;
    cleared.unwrap();
    assert_eq!(expire(stores, 300, 300).await, [], "it was let go");
    find(stores, 1, 400).await;
    assert_eq!(expire(stores, 399, 500).await, []);
    assert_eq!(expire(stores, 400, 500).await, [upload]);
}

/// The same where it was let go again before anybody looked.
pub async fn begins_anew_what_was_shown_between_two_looks(stores: &Stores) {
    let owner = stores.account().await;
    let avatar = stores.ready(owner.id, Purpose::Avatar).await.id;
    let header = stores.ready(owner.id, Purpose::PostHeader).await.id;
    find(stores, 1, 100).await;
    show(stores, owner.id, avatar).await;
    let slot = PictureSlot::Avatar;
    let cleared = stores.accounts.clear_picture(owner.id, slot).await;
    cleared.unwrap();
    let new = new_post(owner.id, "With a picture", Some(header));
    stores.posts.create(&new, &post_job(&new)).await.unwrap();
    assert!(stores.posts.delete(new.id, owner.id, at(3)).await.unwrap());

    let ended = expire(stores, 300, 300).await;
    assert!(!ended.contains(&avatar) && !ended.contains(&header));
    find(stores, 1, 400).await;
    let ended = expire(stores, 399, 500).await;
    assert!(!ended.contains(&avatar) && !ended.contains(&header));
    let ended = expire(stores, 400, 500).await;
    assert!(ended.contains(&avatar) && ended.contains(&header));
}

/// Whoever makes a picture is not disturbed, as long as the claim holds.
pub async fn ends_nothing_that_is_being_made(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.received(owner.id, Purpose::Avatar).await.id;
    let maker = Maker {
        upload,
        token: id(),
    };
    let lease = Duration::from_secs(100);
    let claim = stores.uploads.claim_making(&maker, at(200), lease, None);
    claim.await.unwrap();
    find(stores, 1, 100).await;
    assert_eq!(expire(stores, 100, 299).await, []);
    assert_eq!(expire(stores, 100, 300).await, [upload]);
    assert_eq!(stores.upload(upload).await.state, UploadState::Expired);
}

/// What failed can be tried again for longer than what is loose is kept.
pub async fn keeps_what_failed_for_longer(stores: &Stores) {
    let owner = stores.account().await;
    let upload = stores.received(owner.id, Purpose::Avatar).await.id;
    let failed = stores.uploads.fail(upload, "storage", None, at(2)).await;
    failed.unwrap();
    find(stores, 1, 100).await;
    let (loose, now) = (at(200), at(300));
    for (until, ended) in [(99, vec![]), (100, vec![upload])] {
        let expired = stores.sweep.expire_loose(loose, at(until), now, MUCH);
        assert_eq!(expired.await.unwrap(), ended);
    }
}

/// An upload that is set while the sweep looks is either shown and kept, or over and not shown.
pub async fn ends_or_shows_what_is_set_at_the_same_time(stores: &Stores) {
    let owner = stores.account().await;
    let (mut shown, mut ended) = (0, 0);
    for round in 0..40_u64 {
        let upload = stores.ready(owner.id, Purpose::Avatar).await.id;
        find(stores, 1, 100).await;
        let (setter, sweeper) = (stores.clone(), stores.clone());
        let setting = tokio::spawn(async move {
            // Now the one begins first, and now the other.
            tokio::time::sleep(Duration::from_micros(round * 50)).await;
            let slot = PictureSlot::Avatar;
            let set = setter.accounts.set_picture(owner.id, slot, upload).await;
            set.is_ok()
        });
        let sweeping = tokio::spawn(async move { expire(&sweeper, 100, 300).await });
        let (set, gone) = (setting.await.unwrap(), sweeping.await.unwrap());
        let is_over = stores.upload(upload).await.state == UploadState::Expired;
        assert_eq!(gone.contains(&upload), is_over);
        let account = stores.accounts.account(owner.id).await.unwrap().unwrap();
        let is_shown = account.avatar.is_some_and(|avatar| avatar.upload == upload);
        assert_eq!(set, is_shown);
        assert!(is_shown != is_over, "shown: {is_shown}, over: {is_over}");
        shown += u32::from(is_shown);
        ended += u32::from(is_over);
    }
    assert_eq!(shown + ended, 40);
}
