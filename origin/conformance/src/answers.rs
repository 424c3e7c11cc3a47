//! What every [`AnswerStore`](sluicegate_core::ports::AnswerStore) must do, together with the stores that write answers.

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]
#![expect(
    clippy::missing_panics_doc,
    reason = "that is how a promise is found broken"
)]

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use sluicegate_contract::ids::{AccountId, UploadId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::answer::{Repeat, RequestName, StoredAnswer, fingerprint};
use sluicegate_core::ports::{CreatePostError, Once, StartSessionError};
use sluicegate_core::post::{NewPost, Post};
use tokio::task::{JoinSet, block_in_place};

use crate::promises::promises;
use crate::stores::{Stores, at, id, new_post, new_session, post_job};

promises!(Stores:
    answers_a_repeat_as_the_first,
    keeps_nothing_of_what_was_refused,
    keeps_names_apart,
    does_once_what_comes_at_once,
    says_that_the_first_is_running,
    forgets_after_its_time,
);

const DAY: i64 = 24 * 60 * 60;

/// A request for a post with that text.
fn name(owner: AccountId, key: &str, text: &str, at: Timestamp) -> RequestName {
    RequestName {
        owner,
        route: "POST /suite",
        key: key.to_owned(),
        fingerprint: fingerprint(text.as_bytes()),
        at,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as the port gives it")]
fn told(post: Post) -> StoredAnswer {
    StoredAnswer {
        status: 201,
        location: Some(format!("/suite/{}", post.id)),
        body: format!("{{\"body\":\"{}\"}}", post.body),
    }
}

async fn write(
    stores: &Stores,
    new: &NewPost,
    name: &RequestName,
) -> Result<StoredAnswer, CreatePostError> {
    let once = Once {
        name,
        answer: &told,
    };
    stores.posts.create_once(new, &post_job(new), &once).await
}

/// With what the first one was answered, and nothing else is written. Another request is told apart.
pub async fn answers_a_repeat_as_the_first(stores: &Stores) {
    let author = stores.account().await;
    let asked = name(author.id, "k", "Hello", at(0));
    assert_eq!(stores.answers.find(&asked).await.unwrap(), None);
    let first = new_post(author.id, "Hello", None);
    let answer = write(stores, &first, &asked).await.unwrap();
    assert_eq!(answer.location, Some(format!("/suite/{}", first.id)));
    let written = stores.posts.post(first.id).await.unwrap();
    assert_eq!(written.unwrap().body, "Hello");

    let again = name(author.id, "k", "Hello", at(60));
    let known = stores.answers.find(&again).await.unwrap();
    assert_eq!(known, Some(Repeat::Answered(answer.clone())));
    let second = new_post(author.id, "Hello", None);
    let job = post_job(&second);
    match write(stores, &second, &again).await {
        Err(CreatePostError::Repeated(Repeat::Answered(same))) => assert_eq!(same, answer),
        other => panic!("{other:?}"),
    }
    assert_eq!(stores.posts.post(second.id).await.unwrap(), None);
    assert!(stores.jobs.job(job.id).await.unwrap().is_none());

    let another = name(author.id, "k", "Good bye", at(60));
    let known = stores.answers.find(&another).await.unwrap();
    assert_eq!(known, Some(Repeat::Another));
    let refused = write(stores, &second, &another).await;
    assert!(matches!(
        refused,
        Err(CreatePostError::Repeated(Repeat::Another))
    ));
}

/// A request that was refused did nothing, and its name is free.
pub async fn keeps_nothing_of_what_was_refused(stores: &Stores) {
    let author = stores.account().await;
    let asked = name(author.id, "refused", "Hello", at(0));
    let unsuitable = new_post(author.id, "Hello", Some(UploadId(id())));
    let refused = write(stores, &unsuitable, &asked).await;
    assert!(matches!(refused, Err(CreatePostError::UnsuitableUpload)));
    assert_eq!(stores.answers.find(&asked).await.unwrap(), None);
    let right = new_post(author.id, "Hello", None);
    write(stores, &right, &asked).await.unwrap();
}

/// Of each account and route its own.
pub async fn keeps_names_apart(stores: &Stores) {
    let (ada, grace) = (stores.account().await, stores.account().await);
    let asked = name(ada.id, "apart", "Hello", at(0));
    write(stores, &new_post(ada.id, "Hello", None), &asked)
        .await
        .unwrap();
    for free in [
        RequestName {
            owner: grace.id,
            ..asked.clone()
        },
        RequestName {
            route: "POST /elsewhere",
            ..asked.clone()
        },
        RequestName {
            key: "Apart".to_owned(),
            ..asked.clone()
        },
    ] {
        assert_eq!(stores.answers.find(&free).await.unwrap(), None);
        let new = new_post(free.owner, "Hello", None);
        write(stores, &new, &free).await.unwrap();
    }
}

/// One of them writes; no other one does, whatever it is told.
pub async fn does_once_what_comes_at_once(stores: &Stores) {
    let author = stores.account().await;
    let mut asking = JoinSet::new();
    for _ in 0..12 {
        let (stores, author) = (stores.clone(), author.id);
        asking.spawn(async move {
            let new = new_post(author, "at once", None);
            write(&stores, &new, &name(author, "at once", "at once", at(0))).await
        });
    }
    let mut written = Vec::new();
    for told in asking.join_all().await {
        match told {
            Ok(answer) => written.push(answer),
            Err(CreatePostError::Repeated(Repeat::Answered(_) | Repeat::Running)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(written.len(), 1, "{written:?}");
    let posts = stores.posts.list(Some(author.id), None, 10).await.unwrap();
    assert_eq!(posts.len(), 1);
}

/// Until the first one is committed, and not a moment longer.
pub async fn says_that_the_first_is_running(stores: &Stores) {
    let author = stores.account().await;
    let asked = name(author.id, "running", "Hello", at(0));
    let (go_on, wait) = mpsc::channel::<()>();
    let (begins, begun) = tokio::sync::oneshot::channel();
    let gates = Arc::new(Mutex::new((Some(begins), wait)));
    let first = {
        let (stores, asked) = (stores.clone(), asked.clone());
        tokio::spawn(async move {
            let new = new_post(asked.owner, "Hello", None);
            let answer = |post| {
                let mut gates = gates.lock().unwrap();
                gates.0.take().unwrap().send(()).unwrap();
                let waited = block_in_place(|| gates.1.recv_timeout(Duration::from_secs(8)));
                waited.unwrap();
                told(post)
            };
            let once = Once {
                name: &asked,
                answer: &answer,
            };
            stores.posts.create_once(&new, &post_job(&new), &once).await
        })
    };
    begun.await.unwrap();
    let second = new_post(author.id, "Hello", None);
    let beside = write(stores, &second, &asked).await;
    assert!(
        matches!(beside, Err(CreatePostError::Repeated(Repeat::Running))),
        "{beside:?}"
    );
    let session = new_session(author.id);
    let beside = stores.sessions.start_once(&session, &asked).await;
    assert!(
        matches!(beside, Err(StartSessionError::Repeated(Repeat::Running))),
        "{beside:?}"
    );
    assert_eq!(stores.answers.find(&asked).await.unwrap(), None);
    go_on.send(()).unwrap();
    let answer = first.await.unwrap().unwrap();
    match write(stores, &second, &asked).await {
        Err(CreatePostError::Repeated(Repeat::Answered(same))) => assert_eq!(same, answer),
        other => panic!("{other:?}"),
    }
}

/// A day after the first request the name is free, whether the row was deleted or not.
pub async fn forgets_after_its_time(stores: &Stores) {
    let author = stores.account().await;
    let asked = name(author.id, "expires", "Hello", at(0));
    write(stores, &new_post(author.id, "Hello", None), &asked)
        .await
        .unwrap();
    let late = name(author.id, "expires", "Good bye", at(DAY - 1));
    let known = stores.answers.find(&late).await.unwrap();
    assert_eq!(known, Some(Repeat::Another));
    let later = name(author.id, "expires", "Good bye", at(DAY));
    assert_eq!(stores.answers.find(&later).await.unwrap(), None);
    let new = new_post(author.id, "Good bye", None);
    let answer = write(stores, &new, &later).await.unwrap();
    let known = stores.answers.find(&later).await.unwrap();
    assert_eq!(known, Some(Repeat::Answered(answer)));
}
