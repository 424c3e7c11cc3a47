use sluicegate_contract::ids::AccountId;
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::ports::CreateTicketError;
use sluicegate_core::quota::{Bound, Quota, QuotaReached, Usage};
use sluicegate_core::upload::Upload;
use tokio::task::JoinSet;

use crate::stores::{ETAG, Stores, at, image_job, new_upload, open_tickets};

const DAY: i64 = 86_400;

/// A ticket of `length` bytes that is open for 100 seconds.
async fn ask(
    stores: &Stores,
    owner: AccountId,
    quota: &Quota,
    seconds: i64,
    length: u64,
) -> Result<(Upload, Usage), QuotaReached> {
    let mut new = new_upload(owner, Purpose::Avatar);
    new.length = length;
    new.created_at = at(seconds);
    new.expires_at = at(seconds + 100);
    match stores.uploads.create_ticket(&new, quota).await {
        Ok(given) => Ok(given),
        Err(CreateTicketError::QuotaReached(reached)) => Err(reached),
        Err(error) => panic!("{error}"),
    }
}

async fn complete(stores: &Stores, upload: &Upload, seconds: i64) {
    let job = image_job(upload);
    let done = stores.uploads.complete(upload.id, ETAG, &job, at(seconds));
    done.await.unwrap();
}

fn refused(given: Result<(Upload, Usage), QuotaReached>) -> (Bound, Timestamp) {
    match given {
        Err(QuotaReached {
            bound, retry_at, ..
        }) => (bound, retry_at),
        Ok((upload, _)) => panic!("must be refused: {upload:?}"),
    }
}

/// Complete and expired ones are not open, nor do those of others count; the first one that runs out
/// makes room.
pub async fn limits_open_tickets(stores: &Stores) {
    let (owner, other) = (stores.account().await.id, stores.account().await.id);
    let quota = open_tickets(2);
    let (first, _) = ask(stores, owner, &quota, 0, 1).await.unwrap();
    ask(stores, owner, &quota, 50, 1).await.unwrap();
    let third = ask(stores, owner, &quota, 60, 1).await;
    assert_eq!(refused(third), (Bound::OpenTickets, at(100)));
    ask(stores, other, &quota, 60, 1).await.unwrap();
    complete(stores, &first, 61).await;
    ask(stores, owner, &quota, 62, 1).await.unwrap();
    let fourth = ask(stores, owner, &quota, 63, 1).await;
    assert_eq!(refused(fourth), (Bound::OpenTickets, at(150)));
    ask(stores, owner, &quota, 150, 1).await.unwrap();
}

/// The limit holds, however many ask at once.
pub async fn limits_open_tickets_that_come_at_once(stores: &Stores) {
    assert_eq!(given_at_once(stores, open_tickets(5), 1).await, 5);
}

/// So do those of pictures and bytes.
pub async fn limits_a_day_of_those_that_come_at_once(stores: &Stores) {
    let pictures = Quota {
        pictures: 4,
        ..open_tickets(u32::MAX)
    };
    assert_eq!(given_at_once(stores, pictures, 1).await, 4);
    let bytes = Quota {
        bytes: 35,
        ..open_tickets(u32::MAX)
    };
    assert_eq!(given_at_once(stores, bytes, 10).await, 3);
}

async fn given_at_once(stores: &Stores, quota: Quota, length: u64) -> usize {
    let owner = stores.account().await.id;
    let mut asked = JoinSet::new();
    for _ in 0..12 {
        let stores = stores.clone();
        asked.spawn(async move { ask(&stores, owner, &quota, 0, length).await.is_ok() });
    }
    let given = asked.join_all().await;
    given.into_iter().filter(|given| *given).count()
}

/// Pictures and bytes are those of the last 24 hours; each makes room when it is as old as that.
pub async fn counts_what_a_day_brought(stores: &Stores) {
    let owner = stores.account().await.id;
    let quota = Quota {
        open_tickets: 9,
        pictures: 3,
        bytes: 100,
    };
    for (seconds, length, bytes) in [(0, 40, 40), (10, 40, 80)] {
        let (upload, usage) = ask(stores, owner, &quota, seconds, length).await.unwrap();
        assert_eq!((usage.open_tickets, usage.bytes), (1, bytes));
        complete(stores, &upload, seconds + 1).await;
    }
    let large = ask(stores, owner, &quota, 20, 21).await;
    assert_eq!(refused(large), (Bound::Bytes, at(DAY)));
    let larger = ask(stores, owner, &quota, 20, 61).await;
    assert_eq!(refused(larger), (Bound::Bytes, at(DAY + 10)));
    let (third, usage) = ask(stores, owner, &quota, 20, 20).await.unwrap();
    let all = Usage {
        open_tickets: 1,
        pictures: 3,
        bytes: 100,
    };
    assert_eq!(usage, all);
    let fourth = ask(stores, owner, &quota, 30, 1).await;
    assert_eq!(refused(fourth), (Bound::Pictures, at(120)), "the open one");
    complete(stores, &third, 31).await;
    let fourth = ask(stores, owner, &quota, DAY - 1, 1).await;
    assert_eq!(refused(fourth), (Bound::Pictures, at(DAY)));
    let (_, usage) = ask(stores, owner, &quota, DAY, 1).await.unwrap();
    assert_eq!((usage.pictures, usage.bytes), (3, 61));
}

/// Of what was given up or ran out nothing has arrived: it counts no longer.
pub async fn gives_shares_back(stores: &Stores) {
    let owner = stores.account().await.id;
    let quota = Quota {
        open_tickets: 9,
        pictures: 1,
        bytes: 10,
    };
    let (given_up, _) = ask(stores, owner, &quota, 0, 10).await.unwrap();
    stores.uploads.abandon(given_up.id).await.unwrap();
    ask(stores, owner, &quota, 1, 10).await.unwrap();
    let next = ask(stores, owner, &quota, 2, 10).await;
    assert_eq!(refused(next), (Bound::Pictures, at(101)));
    ask(stores, owner, &quota, 101, 10).await.unwrap();
}

/// A URL that a client has cannot be taken back: what it allows counts until it ends, as an open ticket.
pub async fn keeps_shares_of_urls_that_clients_have(stores: &Stores) {
    let owner = stores.account().await.id;
    let quota = Quota {
        open_tickets: 1,
        pictures: 9,
        bytes: 10,
    };
    let mut new = new_upload(owner, Purpose::Avatar);
    (new.length, new.put_until) = (10, Some(at(60)));
    let given = stores.uploads.create_ticket(&new, &quota).await;
    stores.uploads.abandon(given.unwrap().0.id).await.unwrap();
    let usage = |seconds| stores.uploads.usage(owner, at(seconds));
    let one = Usage {
        open_tickets: 1,
        pictures: 1,
        bytes: 10,
    };
    assert_eq!(usage(59).await.unwrap(), one);
    assert_eq!(usage(60).await.unwrap(), Usage::default());
    let next = ask(stores, owner, &quota, 59, 1).await;
    assert_eq!(refused(next), (Bound::OpenTickets, at(60)));
    let bytes = Quota {
        open_tickets: 9,
        ..quota
    };
    let next = ask(stores, owner, &bytes, 59, 1).await;
    assert_eq!(refused(next), (Bound::Bytes, at(60)));
    let (_, used) = ask(stores, owner, &quota, 60, 10).await.unwrap();
    assert_eq!(used, one);
    assert_eq!(usage(61).await.unwrap(), one);
}

/// What was refused by us has arrived, and counts.
pub async fn counts_what_was_rejected(stores: &Stores) {
    let owner = stores.account().await.id;
    let quota = Quota {
        pictures: 1,
        ..open_tickets(9)
    };
    let (upload, _) = ask(stores, owner, &quota, 0, 1).await.unwrap();
    stores
        .uploads
        .reject(upload.id, "broken", at(1))
        .await
        .unwrap();
    let next = ask(stores, owner, &quota, 2, 1).await;
    assert_eq!(refused(next), (Bound::Pictures, at(DAY)));
}
