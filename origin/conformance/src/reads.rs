//! What all [`PublicReads`] must do, with copies of the database or without.

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]
#![expect(
    clippy::missing_panics_doc,
    reason = "that is how a promise is found broken"
)]

use std::sync::Arc;
use std::time::Duration;

use sluicegate_contract::ids::{AccountId, PostId};
use sluicegate_core::account::Account;
use sluicegate_core::ports::{PublicReads, Reader};
use sluicegate_core::post::{Post, PostCursor};
use tokio::time::{Instant, sleep};

use crate::promises::promises;
use crate::stores::{Stores, id, new_post, post_job};

/// How soon copies must have what was written.
const PATIENCE: Duration = Duration::from_mins(1);
const GLANCE: Duration = Duration::from_millis(10);

/// What reads, and the stores that write what it reads.
#[derive(Clone)]
pub struct Reads {
    /// What is tested.
    pub reads: Arc<dyn PublicReads>,
    /// Of the database itself.
    pub stores: Stores,
}

promises!(Reads:
    finds_nothing_where_nothing_is,
    answers_as_the_stores_do,
    goes_through_pages_as_the_store_does,
    shows_writers_what_they_wrote_at_once,
    shows_writers_at_once_what_they_deleted,
    lets_a_write_be_noted_again,
    shows_everybody_what_was_written_soon,
);

impl Reads {
    /// As an endpoint does it: written, then noted, then answered.
    async fn write(&self, author: AccountId, body: &str) -> Post {
        let new = new_post(author, body, None);
        let written = self.stores.posts.create(&new, &post_job(&new)).await;
        self.reads.wrote(author).await.unwrap();
        written.unwrap()
    }

    async fn until(&self, reader: Reader, post: PostId) {
        let deadline = Instant::now() + PATIENCE;
        while self.reads.post(reader, post).await.unwrap().is_none() {
            assert!(Instant::now() < deadline, "never shown to {reader:?}");
            sleep(GLANCE).await;
        }
    }

    async fn all(&self, reader: Reader, author: AccountId, limit: u32) -> Vec<PostId> {
        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.reads.posts(reader, Some(author), cursor, limit);
            let page = page.await.unwrap();
            assert!(page.len() <= usize::try_from(limit).unwrap());
            let Some(last) = page.last() else {
                return found;
            };
            cursor = Some(PostCursor { before: last.id });
            found.extend(page.iter().map(|post| post.id));
        }
    }

    fn readers(account: &Account) -> [Reader; 2] {
        [Reader::Anybody, Reader::Account(account.id)]
    }
}

/// Neither an error nor something else.
pub async fn finds_nothing_where_nothing_is(reads: &Reads) {
    let somebody = reads.stores.account().await;
    for reader in Reads::readers(&somebody) {
        let nobody = reads.reads.by_handle(reader, "nobody_at_all").await;
        assert_eq!(nobody.unwrap(), None);
        let nothing = reads.reads.post(reader, PostId(id())).await;
        assert_eq!(nothing.unwrap(), None);
        let none = reads.reads.posts(reader, Some(AccountId(id())), None, 10);
        assert_eq!(none.await.unwrap(), []);
    }
}

/// The same rows, whoever asks.
pub async fn answers_as_the_stores_do(reads: &Reads) {
    let (author, other) = (reads.stores.account().await, reads.stores.account().await);
    let post = reads.write(author.id, "Hello").await;
    let stores = &reads.stores;
    for reader in [
        Reader::Anybody,
        Reader::Account(author.id),
        Reader::Account(other.id),
    ] {
        reads.until(reader, post.id).await;
        let found = reads.reads.post(reader, post.id).await.unwrap();
        assert_eq!(found, stores.posts.post(post.id).await.unwrap());
        let found = reads.reads.by_handle(reader, &author.handle).await.unwrap();
        let there = stores.accounts.by_handle(&author.handle).await.unwrap();
        assert!(found.is_some() && found == there, "{found:?}");
        let found = reads
            .reads
            .posts(reader, Some(author.id), None, 10)
            .await
            .unwrap();
        let there = stores.posts.list(Some(author.id), None, 10).await.unwrap();
        assert_eq!(found, there);
    }
}

/// Newest first, nothing twice and nothing left out.
pub async fn goes_through_pages_as_the_store_does(reads: &Reads) {
    let author = reads.stores.account().await;
    let mut written = Vec::new();
    for number in 0..5 {
        let post = reads.write(author.id, &format!("Number {number}")).await;
        written.insert(0, post.id);
    }
    for reader in Reads::readers(&author) {
        for post in &written {
            reads.until(reader, *post).await;
        }
        assert_eq!(reads.all(reader, author.id, 2).await, written);
        let first = reads.reads.posts(reader, None, None, 1).await.unwrap();
        assert_eq!(first.len(), 1);
    }
}

/// However far behind copies are.
pub async fn shows_writers_what_they_wrote_at_once(reads: &Reads) {
    let author = reads.stores.account().await;
    let own = Reader::Account(author.id);
    for number in 0..20 {
        let post = reads.write(author.id, &format!("Mine {number}")).await;
        let found = reads.reads.post(own, post.id).await.unwrap();
        assert_eq!(found, Some(post.clone()), "an own write is missed");
        let found = reads.reads.posts(own, Some(author.id), None, 1).await;
        assert_eq!(found.unwrap(), [post]);
    }
}

/// What is gone is gone.
pub async fn shows_writers_at_once_what_they_deleted(reads: &Reads) {
    let author = reads.stores.account().await;
    let own = Reader::Account(author.id);
    let post = reads.write(author.id, "Not for long").await;
    reads.until(Reader::Anybody, post.id).await;
    let deleted = reads
        .stores
        .posts
        .delete(post.id, author.id, post.created_at);
    assert!(deleted.await.unwrap());
    reads.reads.wrote(author.id).await.unwrap();
    assert_eq!(reads.reads.post(own, post.id).await.unwrap(), None);
    let left = reads.reads.posts(own, Some(author.id), None, 10).await;
    assert_eq!(left.unwrap(), []);
}

/// Noting is idempotent, and goes for who has written nothing, too.
pub async fn lets_a_write_be_noted_again(reads: &Reads) {
    let account = reads.stores.account().await;
    for _ in 0..3 {
        reads.reads.wrote(account.id).await.unwrap();
    }
    let found = reads
        .reads
        .by_handle(Reader::Account(account.id), &account.handle)
        .await
        .unwrap();
    assert_eq!(found.map(|found| found.id), Some(account.id));
}

/// Others need not wait for ever.
pub async fn shows_everybody_what_was_written_soon(reads: &Reads) {
    let (author, other) = (reads.stores.account().await, reads.stores.account().await);
    let post = reads.write(author.id, "For all").await;
    for reader in [Reader::Anybody, Reader::Account(other.id)] {
        reads.until(reader, post.id).await;
    }
}
