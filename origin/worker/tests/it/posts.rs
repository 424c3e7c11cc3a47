#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use sluicegate_contract::ids::PostId;
use sluicegate_contract::uploads::Moderation;
use sluicegate_core::job::JobState;
use sluicegate_core::moderation::{Outcome as Verdict, Record};

use crate::support::{Mood, World};

async fn moderation(world: &World, id: PostId) -> Option<Moderation> {
    world
        .context
        .posts
        .post(id)
        .await
        .unwrap()
        .map(|post| post.moderation)
}

async fn only_record(world: &World, id: PostId) -> Record {
    let mut records = world.context.posts.records(id).await.unwrap();
    assert_eq!(records.len(), 1);
    records.remove(0)
}

#[tokio::test]
async fn a_rule_removes_a_post() {
    let world = World::new().await;
    let author = world.account("ada").await;
    let running = world.work();
    let (id, job) = world.post(author, "Buy cheap followers here!").await;
    world.until_job(job, JobState::Done).await;
    assert_eq!(moderation(&world, id).await, None);
    assert_eq!(world.context.posts.list(None, None, 10).await.unwrap(), []);
    let record = only_record(&world, id).await;
    assert_eq!(
        (record.source.as_str(), record.stage.as_str()),
        ("rules", "stage1")
    );
    assert_eq!((record.outcome, record.owner), (Verdict::Removed, author));
    assert_eq!(record.scores, serde_json::json!({"rule": "spam-offers"}));
    running.stop().await;
}

#[tokio::test]
async fn of_two_equal_posts_the_later_one_goes() {
    let world = World::new().await;
    let (ada, bob) = (world.account("ada").await, world.account("bob").await);
    let (first, first_job) = world.post(ada, "Good morning!").await;
    let (others, others_job) = world.post(bob, "Good morning!").await;
    world.clock.put_forward(Duration::from_mins(1));
    let (second, second_job) = world.post(ada, "good  MORNING!").await;
    let running = world.work();
    for job in [first_job, others_job, second_job] {
        world.until_job(job, JobState::Done).await;
    }
    assert_eq!(
        moderation(&world, first).await,
        Some(Moderation::Passed),
        "never itself"
    );
    assert_eq!(
        moderation(&world, others).await,
        Some(Moderation::Passed),
        "nor another's"
    );
    assert_eq!(moderation(&world, second).await, None);
    let record = only_record(&world, second).await;
    assert_eq!(record.source, "duplicates");
    assert_eq!(record.scores, serde_json::json!({"duplicate_of": first}));

    world.clock.put_forward(Duration::from_hours(25));
    let (next_day, job) = world.post(ada, "Good morning!").await;
    world.until_job(job, JobState::Done).await;
    assert_eq!(moderation(&world, next_day).await, Some(Moderation::Passed));
    running.stop().await;
}

#[tokio::test]
async fn the_model_decides_what_rules_let_pass() {
    let world = World::new().await;
    let author = world.account("ada").await;
    let running = world.work();
    let (good, job) = world.post(author, "One.").await;
    world.until_job(job, JobState::Done).await;
    assert_eq!(moderation(&world, good).await, Some(Moderation::Passed));
    let record = only_record(&world, good).await;
    assert_eq!(
        (record.source.as_str(), record.stage.as_str()),
        ("moody", "stage2")
    );
    assert_eq!(record.outcome, Verdict::Passed);

    world.model.set(Mood::Unsafe);
    let (bad, job) = world.post(author, "Two.").await;
    world.until_job(job, JobState::Done).await;
    assert_eq!(moderation(&world, bad).await, None);
    let record = only_record(&world, bad).await;
    assert_eq!(
        (record.outcome, record.stage.as_str()),
        (Verdict::Removed, "stage2")
    );
    assert_eq!(
        (record.confidence, record.reason.as_str()),
        (0.75, "a mood")
    );
    running.stop().await;
}

#[tokio::test]
async fn an_outage_of_the_model_is_no_verdict() {
    let world = World::new().await;
    let author = world.account("ada").await;
    world.model.set(Mood::Down);
    let running = world.work();
    let (id, job) = world.post(author, "Hello.").await;
    let failed = world.until_failed(job).await;
    assert!(failed.last_error.unwrap().contains("judge is unavailable"));
    assert_eq!(moderation(&world, id).await, Some(Moderation::Unreviewed));
    assert_eq!(world.context.posts.records(id).await.unwrap(), []);
    assert_eq!(
        world
            .context
            .posts
            .list(None, None, 10)
            .await
            .unwrap()
            .len(),
        1,
        "shown meanwhile"
    );

    world.model.set(Mood::Safe);
    world.clock.put_forward(Duration::from_hours(2));
    world.until_job(job, JobState::Done).await;
    assert_eq!(moderation(&world, id).await, Some(Moderation::Passed));
    running.stop().await;
}

#[tokio::test]
async fn without_a_model_the_record_says_so() {
    let world = World::new().await;
    let author = world.account("ada").await;
    world.model.set(Mood::Absent);
    let running = world.work();
    let (id, job) = world.post(author, "Hello.").await;
    world.until_job(job, JobState::Done).await;
    assert_eq!(moderation(&world, id).await, Some(Moderation::Passed));
    let record = only_record(&world, id).await;
    assert_eq!(
        (record.source.as_str(), record.stage.as_str()),
        ("rules", "stage1")
    );
    assert_eq!(record.reason, "stage 1 only: no text model is configured");
    running.stop().await;
}

#[tokio::test]
async fn running_twice_changes_nothing() {
    let world = World::new().await;
    let author = world.account("ada").await;
    let running = world.work();
    for body in ["Hello.", "kys"] {
        let (id, job) = world.post(author, body).await;
        world.until_job(job, JobState::Done).await;
        let before = moderation(&world, id).await;
        world.model.set(Mood::Unsafe);
        let again = world.post_job(id, author);
        world.queue.add(&again).await.unwrap();
        world.until_job(again.id, JobState::Done).await;
        assert_eq!(moderation(&world, id).await, before);
        only_record(&world, id).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn a_deleted_post_needs_no_check() {
    let world = World::new().await;
    let author = world.account("ada").await;
    let (id, job) = world.post(author, "Hello.").await;
    assert!(
        world
            .context
            .posts
            .delete(id, author, world.env.now())
            .await
            .unwrap()
    );
    let running = world.work();
    world.until_job(job, JobState::Done).await;
    assert_eq!(world.context.posts.records(id).await.unwrap(), []);
    running.stop().await;
}
