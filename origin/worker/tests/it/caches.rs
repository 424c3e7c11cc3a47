//! What strangers read is forgotten with a verdict.

use std::sync::Arc;

use async_trait::async_trait;
use sluicegate_conformance::told::Told;
use sluicegate_contract::ids::{AccountId, PostId};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::answer::StoredAnswer;
use sluicegate_core::error::PortError;
use sluicegate_core::job::{JobState, Lease, NewJob};
use sluicegate_core::moderation::{ImageGate, Record};
use sluicegate_core::ports::{CreatePostError, Once, PostStore, SettleError};
use sluicegate_core::post::{NewPost, Post, PostCursor};
use sluicegate_core::public::Change;

use crate::support::{Mood, World};

async fn world(gate: ImageGate, told: Told) -> (World, Arc<Told>) {
    let (mut world, told) = (World::new().await, Arc::new(told));
    world.context.cache = told.clone();
    world.context.pictures.cache = told.clone();
    world.context.gate = gate;
    (world, told)
}

#[tokio::test]
async fn what_strangers_see_anew_is_told_to_the_cache_and_stands_without_it() {
    for (gate, told) in [
        (ImageGate::Open, Told::default()),
        (ImageGate::Open, Told::down()),
        (ImageGate::Strict, Told::default()),
    ] {
        let (world, told) = world(gate, told).await;
        let author = world.account("ada").await;
        let (post, of_post) = world.post(author, "a post").await;
        let running = world.work();
        world.until_job(of_post, JobState::Done).await;
        running.stop().await;
        assert_eq!(told.changes(), [Change::Post(post)]);

        // A picture is shown wherever its owner is: with its size once it is made, and behind a gate once it has passed.
        let (_, of_picture) = world.upload(author, "a picture").await;
        let running = world.work();
        world.until_job(of_picture, JobState::Done).await;
        running.stop().await;
        let times = if gate == ImageGate::Open { 1 } else { 2 };
        assert_eq!(told.changes(), vec![Change::Account(author); times]);

        // Refused, it is shown nowhere any more.
        let (_, of_broken) = world.upload(author, "broken").await;
        let running = world.work();
        world.until_job(of_broken, JobState::Done).await;
        running.stop().await;
        assert_eq!(told.changes(), [Change::Account(author)]);
    }
}

#[tokio::test]
async fn what_a_detector_removes_is_told_to_the_cache() {
    for gate in [ImageGate::Open, ImageGate::Strict] {
        let (world, told) = world(gate, Told::default()).await;
        world.detector.set(Mood::Unsafe);
        let author = world.account("ada").await;
        let (_, of_picture) = world.upload(author, "a picture").await;
        let running = world.work();
        world.until_job(of_picture, JobState::Done).await;
        running.stop().await;
        // Once when it is made, and once when it is gone.
        assert_eq!(told.changes(), [Change::Account(author); 2], "{gate:?}");
    }
}

/// Its verdicts are committed, and the connection is lost before it says so.
struct Unsure(Arc<dyn PostStore>);

#[async_trait]
impl PostStore for Unsure {
    async fn create(&self, post: &NewPost, job: &NewJob) -> Result<Post, CreatePostError> {
        self.0.create(post, job).await
    }

    async fn create_once(
        &self,
        post: &NewPost,
        job: &NewJob,
        once: &Once<'_>,
    ) -> Result<StoredAnswer, CreatePostError> {
        self.0.create_once(post, job, once).await
    }

    async fn post(&self, id: PostId) -> Result<Option<Post>, PortError> {
        self.0.post(id).await
    }

    async fn delete(
        &self,
        id: PostId,
        author: AccountId,
        now: Timestamp,
    ) -> Result<bool, PortError> {
        self.0.delete(id, author, now).await
    }

    async fn list(
        &self,
        author: Option<AccountId>,
        cursor: Option<PostCursor>,
        limit: u32,
    ) -> Result<Vec<Post>, PortError> {
        self.0.list(author, cursor, limit).await
    }

    async fn earlier_duplicate(
        &self,
        author: AccountId,
        fingerprint: &[u8; 32],
        since: Timestamp,
        than: Option<PostId>,
    ) -> Result<Option<PostId>, PortError> {
        self.0
            .earlier_duplicate(author, fingerprint, since, than)
            .await
    }

    async fn apply_verdict(
        &self,
        id: PostId,
        record: &Record,
        settle: Option<&Lease>,
        now: Timestamp,
    ) -> Result<(), SettleError> {
        self.0.apply_verdict(id, record, settle, now).await?;
        let lost = PortError::unavailable("database", "the connection was lost");
        Err(SettleError::Port(lost))
    }

    async fn records(&self, id: PostId) -> Result<Vec<Record>, PortError> {
        self.0.records(id).await
    }
}

#[tokio::test]
async fn a_verdict_that_may_be_there_is_told_to_the_cache() {
    let (mut world, told) = world(ImageGate::Open, Told::default()).await;
    world.context.posts = Arc::new(Unsure(world.context.posts.clone()));
    let author = world.account("ada").await;
    let (post, of_post) = world.post(author, "a post").await;
    let running = world.work();
    world.until_job(of_post, JobState::Done).await;
    running.stop().await;
    assert_eq!(told.changes(), [Change::Post(post)]);
}
