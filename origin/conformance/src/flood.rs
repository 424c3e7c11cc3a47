//! More posts of one author than are judged in any test, each with its job, as the API writes them.

#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use sluicegate_contract::ids::{AccountId, JobId, PostId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::job::{NewJob, ProcessPost};
use sluicegate_core::post::{NewPost, fingerprint};
use sluicegate_postgres::{Database, Options};
use uuid::Uuid;

use crate::stores::number;

/// At once.
const WRITERS: usize = 8;
const CALL: Duration = Duration::from_secs(10);

/// Writes so many to the database of a platform, and returns when all are committed.
///
/// # Panics
/// If one of them cannot be written.
pub async fn flood(url: &str, author: AccountId, posts: usize) {
    let options = Options {
        max_connections: u32::try_from(WRITERS).expect("a few"),
        acquire_timeout: CALL,
        call_timeout: CALL,
    };
    let database = Database::connect(url, &options).await.expect("connects");
    let store = database.posts();
    let writers = (0..WRITERS).map(async |writer| {
        for number in (writer..posts).step_by(WRITERS) {
            let (post, job) = new(author, number);
            store.create(&post, &job).await.expect("is written");
        }
    });
    join_all(writers).await;
    database.close().await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "rows of a platform, whose clock is this machine's"
)]
fn new(author: AccountId, number: usize) -> (NewPost, NewJob) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = i64::try_from(now.expect("after 1970").as_millis()).expect("in range");
    let created_at = Timestamp::from_unix_ms(now).expect("in range");
    let body = format!("Wave {number} of a flood.");
    let post = NewPost {
        id: PostId(id(now)),
        author,
        fingerprint: fingerprint(&body),
        body,
        header: None,
        created_at,
    };
    let payload = ProcessPost {
        post_id: post.id,
        user_id: author,
    };
    let job = NewJob::process_post(JobId(id(now)), &payload, None, created_at);
    (post, job)
}

/// Of this time, and of no other call.
fn id(now: i64) -> Uuid {
    let mut rest = [0; 10];
    rest[2..].copy_from_slice(&number().to_be_bytes());
    let now = u64::try_from(now).expect("after 1970");
    uuid::Builder::from_unix_timestamp_millis(now, &rest).into_uuid()
}
