//! What every [`SessionStore`](sluicegate_core::ports::SessionStore) and
//! [`SigningKeyStore`](sluicegate_core::ports::SigningKeyStore) must do.

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]
#![expect(
    clippy::missing_panics_doc,
    reason = "that is how a promise is found broken"
)]

use sluicegate_contract::ids::SessionId;
use sluicegate_core::answer::{Repeat, RequestName, fingerprint};
use sluicegate_core::ports::{CreateAccountError, KNOWN_DEVICES, StartSessionError};
use sluicegate_core::session::{NewSession, RefreshHash, Rotation, SigningKey};
use tokio::task::JoinSet;

use crate::promises::promises;
use crate::stores::{Stores, at, hash, id, new_account, new_session, number};

promises!(Stores:
    ends_sessions,
    lets_sessions_expire,
    rotates_tokens,
    ends_a_session_whose_token_comes_twice,
    lets_one_of_two_rotations_win,
    refuses_tokens_of_ended_sessions,
    knows_devices,
    forgets_the_devices_used_longest_ago,
    begins_one_session_under_a_name,
    adds_one_first_signing_key,
    adds_one_key_that_waits,
);

async fn session(stores: &Stores) -> NewSession {
    let account = stores.account().await;
    let session = new_session(account.id);
    stores.sessions.start(&session).await.unwrap();
    session
}

async fn is_live(stores: &Stores, id: SessionId, seconds: i64) -> bool {
    stores
        .sessions
        .live(id, at(seconds))
        .await
        .unwrap()
        .is_some()
}

/// Rotates at second 10; the session then lasts until 7,200.
async fn rotate(stores: &Stores, old: &RefreshHash, new: &RefreshHash) -> Rotation {
    stores
        .sessions
        .rotate(old, new, at(10), at(7_200))
        .await
        .unwrap()
}

/// Under a name one session begins, whoever asks again and however often; once it was ended, another one.
pub async fn begins_one_session_under_a_name(stores: &Stores) {
    let account = stores.account().await.id;
    let name = |text: &str| RequestName {
        owner: account,
        route: "POST /suite",
        key: "k".to_owned(),
        fingerprint: fingerprint(text.as_bytes()),
        at: at(0),
    };
    let begin = async |session: &NewSession, text| {
        let name = name(text);
        stores.sessions.start_once(session, &name).await
    };
    let sessions = [(); 3].map(|()| new_session(account));
    let [first, again, third] = &sessions;
    assert_eq!(begin(first, "one").await.unwrap(), first.id);
    assert_eq!(begin(again, "one").await.unwrap(), first.id);
    assert!(!is_live(stores, again.id, 1).await, "it never began");
    let another = begin(third, "another").await;
    assert!(matches!(
        another,
        Err(StartSessionError::Repeated(Repeat::Another))
    ));
    let rotated = rotate(stores, &again.refresh, &hash()).await;
    assert!(matches!(rotated, Rotation::Rotated { session, .. } if session == first.id));
    stores.sessions.end(first.id, at(11)).await.unwrap();
    assert_eq!(begin(third, "one").await.unwrap(), third.id);

    // An account is made together with the name of its first session.
    let account = new_account();
    let (session, again) = (new_session(account.id), new_session(account.id));
    let name = RequestName {
        owner: account.id,
        ..name("account")
    };
    let accounts = &stores.accounts;
    accounts
        .create_once(&account, &session, &name)
        .await
        .unwrap();
    let taken = accounts.create_once(&account, &again, &name).await;
    assert!(matches!(taken, Err(CreateAccountError::HandleTaken)));
    let goes_on = stores.sessions.start_once(&again, &name).await.unwrap();
    assert_eq!(goes_on, session.id);
}

/// A session lives until it is ended, alone and for good.
pub async fn ends_sessions(stores: &Stores) {
    let (one, other) = (session(stores).await, session(stores).await);
    assert!(is_live(stores, one.id, 1).await);
    stores.sessions.end(one.id, at(2)).await.unwrap();
    stores.sessions.end(one.id, at(3)).await.unwrap();
    stores.sessions.start(&one).await.unwrap();
    assert!(!is_live(stores, one.id, 4).await);
    assert!(is_live(stores, other.id, 4).await);
    assert!(!is_live(stores, SessionId(id()), 4).await);
}

/// At `expires_at` it is over.
pub async fn lets_sessions_expire(stores: &Stores) {
    let session = session(stores).await;
    assert!(is_live(stores, session.id, 3_599).await);
    assert!(!is_live(stores, session.id, 3_600).await);
    let late = stores
        .sessions
        .rotate(&session.refresh, &hash(), at(3_600), at(9_000))
        .await;
    assert_eq!(late.unwrap(), Rotation::Unknown);
}

/// The new token works next, and the session lasts longer.
pub async fn rotates_tokens(stores: &Stores) {
    let session = session(stores).await;
    let rotated = Rotation::Rotated {
        session: session.id,
        account: session.account,
    };
    let (second, third) = (hash(), hash());
    assert_eq!(rotate(stores, &session.refresh, &second).await, rotated);
    assert!(is_live(stores, session.id, 7_199).await);
    assert_eq!(rotate(stores, &second, &third).await, rotated);
    assert_eq!(rotate(stores, &hash(), &hash()).await, Rotation::Unknown);
    assert!(is_live(stores, session.id, 11).await);
}

/// A token that was used before is a copy: nobody keeps the session, not even with the newest token.
pub async fn ends_a_session_whose_token_comes_twice(stores: &Stores) {
    let session = session(stores).await;
    let second = hash();
    rotate(stores, &session.refresh, &second).await;
    assert_eq!(
        rotate(stores, &session.refresh, &hash()).await,
        Rotation::Reused
    );
    assert!(!is_live(stores, session.id, 11).await);
    assert_eq!(rotate(stores, &second, &hash()).await, Rotation::Unknown);
}

/// Of two calls with one token at once one wins, and the other ends the session.
pub async fn lets_one_of_two_rotations_win(stores: &Stores) {
    for _ in 0..10 {
        let session = session(stores).await;
        let mut calls = JoinSet::new();
        for _ in 0..2 {
            let stores = stores.clone();
            calls.spawn(async move { rotate(&stores, &session.refresh, &hash()).await });
        }
        let outcomes = calls.join_all().await;
        let won = outcomes
            .iter()
            .filter(|o| matches!(o, Rotation::Rotated { .. }))
            .count();
        let reused = outcomes
            .iter()
            .filter(|o| matches!(o, Rotation::Reused))
            .count();
        assert_eq!((won, reused), (1, 1), "{outcomes:?}");
        assert!(!is_live(stores, session.id, 11).await);
    }
}

/// With the session its tokens are over.
pub async fn refuses_tokens_of_ended_sessions(stores: &Stores) {
    let session = session(stores).await;
    stores.sessions.end(session.id, at(2)).await.unwrap();
    assert_eq!(
        rotate(stores, &session.refresh, &hash()).await,
        Rotation::Unknown
    );
}

/// An account knows where it signed up and where it logged in, and nobody else does.
pub async fn knows_devices(stores: &Stores) {
    let new = new_account();
    let first = new_session(new.id);
    stores.accounts.create(&new, &first).await.unwrap();
    let second = new_session(new.id);
    let knows = async |handle: &str, device| {
        let known = stores.sessions.knows_device(handle, device);
        known.await.unwrap()
    };
    assert!(!knows(&new.handle, &second.device).await);
    stores.sessions.start(&second).await.unwrap();
    stores.sessions.end(second.id, at(2)).await.unwrap();
    assert!(knows(&new.handle, &first.device).await);
    assert!(
        knows(&new.handle, &second.device).await,
        "also when the session is over"
    );
    let other = new_account();
    let theirs = new_session(other.id);
    stores.accounts.create(&other, &theirs).await.unwrap();
    assert!(!knows(&other.handle, &first.device).await);
    assert!(!knows("nobody_here", &first.device).await);
    // Somebody else's device does not become one's own.
    let stolen = NewSession {
        device: first.device,
        ..new_session(other.id)
    };
    stores.sessions.start(&stolen).await.unwrap();
    assert!(knows(&new.handle, &first.device).await && !knows(&other.handle, &first.device).await);
}

/// As many as [`KNOWN_DEVICES`] are known; using one again keeps it.
pub async fn forgets_the_devices_used_longest_ago(stores: &Stores) {
    let new = new_account();
    let first = new_session(new.id);
    stores.accounts.create(&new, &first).await.unwrap();
    let mut devices = Vec::new();
    for number in 0..KNOWN_DEVICES {
        let session = NewSession {
            created_at: at(i64::from(number) + 1),
            ..new_session(new.id)
        };
        stores.sessions.start(&session).await.unwrap();
        devices.push(session.device);
    }
    let knows = async |device| {
        let known = stores.sessions.knows_device(&new.handle, device);
        known.await.unwrap()
    };
    assert!(!knows(&first.device).await, "the oldest is forgotten");
    let oldest = *devices.first().unwrap();
    for (seconds, device) in [(100, oldest), (101, hash())] {
        let session = NewSession {
            created_at: at(seconds),
            device,
            ..new_session(new.id)
        };
        stores.sessions.start(&session).await.unwrap();
    }
    assert!(knows(&oldest).await, "it was used again");
    assert!(!knows(devices.get(1).unwrap()).await);
    assert!(knows(devices.get(2).unwrap()).await);
}

/// Replicas that start together end with the same key.
pub async fn adds_one_first_signing_key(stores: &Stores) {
    assert!(
        stores.signing_keys.keys().await.unwrap().is_empty(),
        "the suite needs an empty store"
    );
    let mut replicas = JoinSet::new();
    for _ in 0..8 {
        let keys = stores.signing_keys.clone();
        replicas.spawn(async move {
            let key = SigningKey {
                id: format!("key-{}", number()),
                secret: [hash(), hash()].concat(),
                created_at: at(0),
                signs_from: at(0),
            };
            keys.add_first(&key).await.unwrap();
            let all = keys.keys().await.unwrap();
            assert!(!all.is_empty(), "a key must be there after the call");
            all
        });
    }
    let seen = replicas.join_all().await;
    let one = stores.signing_keys.keys().await.unwrap();
    assert_eq!(one.len(), 1);
    assert_eq!(one.first().unwrap().secret.len(), 64);
    for keys in seen {
        assert!(keys == one, "all replicas must see the same key");
    }
}

/// One key waits at most; keys come in the order in which they sign, and go when they are deleted.
pub async fn adds_one_key_that_waits(stores: &Stores) {
    let keys = &stores.signing_keys;
    let key = |signs_from| SigningKey {
        id: format!("key-{}", number()),
        secret: [hash(), hash()].concat(),
        created_at: at(10),
        signs_from: at(signs_from),
    };
    let (next, another) = (key(100), key(200));
    assert!(keys.add(&next, at(10)).await.unwrap());
    assert!(!keys.add(&another, at(99)).await.unwrap());
    let waiting = keys.keys().await.unwrap();
    assert!(waiting.first() == Some(&next) && !waiting.contains(&another));
    assert!(keys.add(&another, at(100)).await.unwrap());
    assert!(
        keys.keys()
            .await
            .unwrap()
            .starts_with(&[another.clone(), next.clone()])
    );
    let ids = [next.id.clone(), another.id.clone()];
    for _ in 0..2 {
        keys.delete(&ids).await.unwrap();
        let left = keys.keys().await.unwrap();
        assert!(!left.contains(&next) && !left.contains(&another));
    }
}
