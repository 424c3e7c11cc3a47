//! Calls whose caller goes away while they are under way: clients do, and so do those whose time is over.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use sluicegate_conformance::stores::{at, id, new_post, post_job};
use sluicegate_conformance::testdb::TestDatabase;
use sluicegate_core::answer::{RequestName, StoredAnswer, fingerprint};
use sluicegate_core::ports::Once;
use sluicegate_core::post::Post;
use sluicegate_postgres::{Database, Options};
use sqlx::{Connection, PgConnection};

use crate::conformance::stores_of;

/// Looks at it that often, and then goes away. Answers whether it was over by then.
async fn abandon(call: impl Future, looks: u32) -> bool {
    let mut call = pin!(call);
    let mut left = looks;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        call.as_mut().poll(context).map(|_| true)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_is_not_part_of_it() {
    let database = TestDatabase::new().await;
    let options = Options {
        max_connections: 1,
        acquire_timeout: Duration::from_secs(8),
        call_timeout: Duration::from_secs(10),
    };
    let pool = Database::connect(database.url(), &options).await.unwrap();
    let stores = stores_of(&pool);
    let author = stores.account().await.id;
    let mut outside = PgConnection::connect(database.url()).await.unwrap();
    let answer = |post: Post| StoredAnswer {
        status: 201,
        location: None,
        body: post.id.to_string(),
    };
    // At each place where it waits, and in the end at none.
    for looks in 1.. {
        assert!(looks < 100, "it never ends");
        let name = RequestName {
            owner: author,
            route: "POST /suite",
            key: id().to_string(),
            fingerprint: fingerprint(b"once"),
            at: at(0),
        };
        let once = Once {
            name: &name,
            answer: &answer,
        };
        let post = new_post(author, "Once", None);
        let job = post_job(&post);
        let is_over = abandon(stores.posts.create_once(&post, &job, &once), looks).await;

        // By the only connection, after whoever went away.
        let after = new_post(author, "After it", None);
        stores
            .posts
            .create(&after, &post_job(&after))
            .await
            .unwrap();
        let seen: bool = sqlx::query_scalar("select exists (select from posts where id = $1)")
            .bind(after.id.0)
            .fetch_one(&mut outside)
            .await
            .unwrap();
        assert!(
            seen,
            "after {looks} looks: it was promised, and is not there"
        );
        if is_over {
            return;
        }
    }
}
