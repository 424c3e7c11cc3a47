use sluicegate_contract::uploads::{Purpose, UploadState};
use sluicegate_core::ports::CreateTicketError;
use sluicegate_core::quota::Usage;
use sluicegate_core::upload::{NewUpload, Upload, UploadKey};
use tokio::task::JoinSet;

use crate::stores::{ETAG, Stores, at, image_job, new_upload, open_tickets};

fn named(mut new: NewUpload, key: &str, expires: i64) -> NewUpload {
    new.key = Some(UploadKey {
        key: key.to_owned(),
        expires_at: at(expires),
    });
    new
}

fn earlier(given: Result<(Upload, Usage), CreateTicketError>) -> Upload {
    match given {
        Err(CreateTicketError::Repeated(upload)) => *upload,
        other => panic!("{other:?}"),
    }
}

/// A key stands for its owner's one upload, at every state that it comes to, until the key expires; also where no
/// more tickets are given.
pub async fn gives_one_ticket_for_a_key(stores: &Stores) {
    let (owner, other) = (stores.account().await, stores.account().await);
    let ask = |account, key: &str, seconds| {
        let mut new = named(new_upload(account, Purpose::Avatar), key, 1_000);
        new.created_at = at(seconds);
        new.expires_at = at(seconds + 100);
        async move { stores.uploads.create_ticket(&new, &open_tickets(1)).await }
    };
    let (first, _) = ask(owner.id, "k", 0).await.unwrap();
    assert_eq!(earlier(ask(owner.id, "k", 1).await), first);
    let full = ask(owner.id, "another", 1).await;
    assert!(matches!(full, Err(CreateTicketError::QuotaReached(_))));
    ask(other.id, "k", 1).await.unwrap();

    stores
        .uploads
        .complete(first.id, ETAG, &image_job(&first), at(2))
        .await
        .unwrap();
    let received = earlier(ask(owner.id, "k", 500).await);
    assert_eq!(
        (received.id, received.state),
        (first.id, UploadState::Received)
    );
    stores
        .uploads
        .reject(first.id, "broken", at(501))
        .await
        .unwrap();
    let rejected = earlier(ask(owner.id, "k", 999).await);
    assert_eq!(
        (rejected.id, rejected.state),
        (first.id, UploadState::Rejected)
    );
    let (second, _) = ask(owner.id, "k", 1_000).await.unwrap();
    assert_ne!(second.id, first.id);
}

/// Of many requests with one key at once, one gets a ticket, and the others are told which.
pub async fn gives_one_ticket_for_a_key_at_once(stores: &Stores) {
    let owner = stores.account().await;
    let mut asked = JoinSet::new();
    for _ in 0..8 {
        let uploads = stores.uploads.clone();
        let new = named(new_upload(owner.id, Purpose::Avatar), "k", 1_000);
        asked.spawn(async move { uploads.create_ticket(&new, &open_tickets(20)).await });
    }
    let (mut given, mut repeated) = (Vec::new(), Vec::new());
    for answer in asked.join_all().await {
        match answer {
            Ok((upload, _)) => given.push(upload),
            other => repeated.push(earlier(other)),
        }
    }
    assert_eq!(given.len(), 1);
    assert!(repeated.iter().all(|upload| given.contains(upload)));
}

/// What a key stands for can be asked without asking for a ticket; it is the owner's own, and ends as the key does.
pub async fn says_what_a_key_stands_for(stores: &Stores) {
    let (owner, other) = (stores.account().await, stores.account().await);
    let new = named(new_upload(owner.id, Purpose::Avatar), "k", 1_000);
    let given = stores.uploads.create_ticket(&new, &open_tickets(20)).await;
    let (upload, _) = given.unwrap();
    let find = |account, key: &'static str, seconds| async move {
        let found = stores.uploads.named(account, key, at(seconds)).await;
        found.unwrap()
    };
    assert_eq!(find(owner.id, "k", 1).await, Some(upload.clone()));
    assert_eq!(find(owner.id, "another", 1).await, None);
    assert_eq!(find(other.id, "k", 1).await, None);
    let job = image_job(&upload);
    let completed = stores.uploads.complete(upload.id, ETAG, &job, at(2)).await;
    completed.unwrap();
    let found = find(owner.id, "k", 999).await.unwrap();
    assert_eq!((found.id, found.state), (upload.id, UploadState::Received));
    assert_eq!(find(owner.id, "k", 1_000).await, None);

    let mut given_up = named(new_upload(owner.id, Purpose::Avatar), "given up", 1_000);
    given_up.created_at = at(3);
    let given = stores
        .uploads
        .create_ticket(&given_up, &open_tickets(20))
        .await;
    given.unwrap();
    stores.uploads.abandon(given_up.id).await.unwrap();
    assert_eq!(find(owner.id, "given up", 4).await, None);
}

/// An upload that was given up, or whose ticket ran out, leaves its key to the next one.
pub async fn forgets_keys_of_uploads_that_came_to_nothing(stores: &Stores) {
    let owner = stores.account().await;
    let ask = |seconds| {
        let mut new = named(new_upload(owner.id, Purpose::Avatar), "k", seconds + 1_000);
        new.created_at = at(seconds);
        new.expires_at = at(seconds + 100);
        async move { stores.uploads.create_ticket(&new, &open_tickets(20)).await }
    };
    let (first, _) = ask(0).await.unwrap();
    stores.uploads.abandon(first.id).await.unwrap();
    let (second, _) = ask(1).await.unwrap();
    assert_eq!(earlier(ask(100).await), second);
    let (third, _) = ask(101).await.unwrap();
    assert_ne!(third.id, second.id, "its ticket had run out");
    assert_eq!(earlier(ask(102).await), third);
}

/// The hash that was declared is kept, and that of the beginning.
pub async fn keeps_declared_hashes(stores: &Stores) {
    let owner = stores.account().await;
    let mut new = new_upload(owner.id, Purpose::Avatar);
    let (none, _) = stores
        .uploads
        .create_ticket(&new, &open_tickets(20))
        .await
        .unwrap();
    assert_eq!((none.declared_sha256, none.head_sha256), (None, None));
    new = new_upload(owner.id, Purpose::Avatar);
    new.sha256 = Some([0xab; 32]);
    new.head_sha256 = Some([0xcd; 32]);
    let (upload, _) = stores
        .uploads
        .create_ticket(&new, &open_tickets(20))
        .await
        .unwrap();
    assert_eq!(upload.declared_sha256, Some("ab".repeat(32)));
    assert_eq!(upload.head_sha256, Some("cd".repeat(32)));
    assert_eq!(stores.upload(new.id).await, upload);
}
