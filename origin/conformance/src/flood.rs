//! Posts, thousands of them, each with its job, as the API writes them.

#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::time::Duration;

use futures_util::future::join_all;
use sluicegate_contract::ids::{AccountId, JobId, PostId};
use sluicegate_core::env::Env;
use sluicegate_core::job::{NewJob, ProcessPost};
use sluicegate_core::post::{NewPost, fingerprint};
use sluicegate_local::system_env;
use sluicegate_postgres::{Database, Options};

use crate::stores::{new_account, new_session};

/// At once.
const WRITERS: usize = 8;
const CALL: Duration = Duration::from_secs(10);

/// Writes so many of one author to the database of a platform, and returns when all are committed.
///
/// # Panics
/// If one of them cannot be written.
pub async fn flood(url: &str, author: AccountId, posts: usize) {
    let database = connect(url).await;
    write(&database, &[author], posts).await;
    database.close().await;
}

/// Writes so many of each of so many new authors, and returns when all are committed.
///
/// # Panics
/// If something cannot be written.
pub async fn flood_of_many(url: &str, authors: usize, posts: usize) {
    let database = connect(url).await;
    let mut ids = Vec::new();
    for _ in 0..authors {
        let account = new_account();
        let session = new_session(account.id);
        let made = database.accounts().create(&account, &session).await;
        ids.push(made.expect("is made").id);
    }
    write(&database, &ids, posts).await;
    database.close().await;
}

async fn connect(url: &str) -> Database {
    let options = Options {
        max_connections: u32::try_from(WRITERS).expect("a few"),
        acquire_timeout: CALL,
        call_timeout: CALL,
    };
    Database::connect(url, &options).await.expect("connects")
}

/// One of each, then another of each.
async fn write(database: &Database, authors: &[AccountId], posts: usize) {
    let (store, env) = (database.posts(), system_env());
    let writers = (0..WRITERS).map(async |writer| {
        for number in (writer..posts).step_by(WRITERS) {
            for author in authors {
                let (post, job) = new(&env, *author, number);
                store.create(&post, &job).await.expect("is written");
            }
        }
    });
    join_all(writers).await;
}

fn new(env: &Env, author: AccountId, number: usize) -> (NewPost, NewJob) {
    let body = format!("Wave {number} of a flood.");
    let post = NewPost {
        id: PostId(env.new_id()),
        author,
        fingerprint: fingerprint(&body),
        body,
        header: None,
        created_at: env.now(),
    };
    let payload = ProcessPost {
        post_id: post.id,
        user_id: author,
    };
    let job = NewJob::process_post(JobId(env.new_id()), &payload, None, post.created_at);
    (post, job)
}
