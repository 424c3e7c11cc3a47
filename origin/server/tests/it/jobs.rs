use std::time::Duration;

use sluicegate_conformance::stores::{at, id};
use sluicegate_conformance::testdb::TestDatabase;
use sluicegate_contract::ids::{AccountId, JobId};
use sluicegate_core::fair::{Bounds, Priority};
use sluicegate_core::job::{IMAGE_QUEUE, JobState, NewJob, POST_QUEUE};
use sluicegate_core::ports::{ClaimRequest, JobQueue};
use sluicegate_origin::cli::Jobs;
use sluicegate_origin::commands::jobs::run;

use crate::embedded::data_folder;
use crate::pooled::program;

async fn dead(jobs: &dyn JobQueue, queue: &'static str, error: &str) -> JobId {
    let job = NewJob {
        id: JobId(id()),
        queue,
        name: "process",
        payload: serde_json::json!({"postId": "1"}),
        owner: AccountId(id()),
        priority: Priority::Normal,
        dedup_key: None,
        run_at: at(0),
        max_attempts: 1,
        traceparent: None,
        created_at: at(0),
    };
    jobs.add(&job).await.expect("adds");
    let request = ClaimRequest {
        queue,
        worker: "test",
        limit: 1,
        lease: Duration::from_secs(30),
        bounds: Bounds::NONE,
    };
    let claimed = jobs.claim(&request, at(1)).await.expect("claims");
    let lease = claimed.first().expect("a job").lease;
    jobs.bury(&lease, error, at(2)).await.expect("buries");
    job.id
}

async fn state(jobs: &dyn JobQueue, id: JobId) -> Option<JobState> {
    let job = jobs.job(id).await.expect("reads");
    job.map(|job| job.state)
}

fn list(queue: Option<&str>) -> Jobs {
    Jobs::List {
        queue: queue.map(str::to_owned),
        limit: 50,
    }
}

fn retry(ids: Vec<JobId>, all: bool, queue: Option<&str>) -> Jobs {
    let queue = queue.map(str::to_owned);
    Jobs::Retry { ids, all, queue }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_jobs_are_listed_shown_tried_again_and_discarded() {
    let database = TestDatabase::new().await;
    let jobs = database.database().jobs();
    let (text, found) = run(&*jobs, &list(None), at(3)).await.expect("lists");
    assert!(found && text.contains("no dead jobs"), "{text}");

    let long = format!("first line\nsecond line {}", "x".repeat(200));
    let post = dead(&*jobs, POST_QUEUE, &long).await;
    let picture = dead(&*jobs, IMAGE_QUEUE, "too dark").await;
    let (text, _) = run(&*jobs, &list(None), at(3)).await.expect("lists");
    assert!(text.contains(&post.to_string()) && text.contains(&picture.to_string()));
    assert_eq!(text.lines().count(), 4, "a line each: {text}");
    let (text, _) = run(&*jobs, &list(Some(IMAGE_QUEUE)), at(3))
        .await
        .expect("lists");
    assert!(!text.contains(&post.to_string()) && text.contains("too dark"));

    let (text, found) = run(&*jobs, &Jobs::Show { id: post }, at(3))
        .await
        .expect("shows");
    assert!(
        found && text.contains(&long) && text.contains("postId"),
        "{text}"
    );

    let unknown = JobId(id());
    let again = retry(vec![post, unknown], false, None);
    let (text, found) = run(&*jobs, &again, at(3)).await.expect("retries");
    assert!(!found && text.contains("no such dead job"), "{text}");
    assert_eq!(state(&*jobs, post).await, Some(JobState::Ready));

    let (_, found) = run(&*jobs, &Jobs::Discard { ids: vec![picture] }, at(3))
        .await
        .expect("discards");
    assert!(found);
    assert_eq!(state(&*jobs, picture).await, None);
    let (text, found) = run(&*jobs, &Jobs::Show { id: picture }, at(3))
        .await
        .expect("shows");
    assert!(!found && text.contains("no such job"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_are_paused_and_resumed_one_by_one_or_all() {
    let database = TestDatabase::new().await;
    let jobs = database.database().jobs();
    let text = async |what: Jobs| run(&*jobs, &what, at(3)).await.expect("runs").0;
    let post = Some(POST_QUEUE.to_owned());
    let told = text(Jobs::Pause {
        queue: post.clone(),
    })
    .await;
    assert_eq!(told.lines().count(), 1, "{told}");
    let listed = text(list(None)).await;
    assert!(
        listed.contains("post-processing is paused since"),
        "{listed}"
    );
    assert_eq!(listed.matches("paused").count(), 1, "{listed}");
    assert!(!text(list(Some(IMAGE_QUEUE))).await.contains("paused"));

    text(Jobs::Pause { queue: None }).await;
    text(Jobs::Resume { queue: post }).await;
    let listed = text(list(None)).await;
    assert!(!listed.contains(POST_QUEUE), "{listed}");
    assert!(listed.contains("image-moderation is paused"), "{listed}");
    text(Jobs::Resume { queue: None }).await;
    assert!(!text(list(None)).await.contains("paused"));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_dead_jobs_of_a_queue_are_tried_again_at_once() {
    let database = TestDatabase::new().await;
    let jobs = database.database().jobs();
    let picture = dead(&*jobs, IMAGE_QUEUE, "too dark").await;
    let posts = [
        dead(&*jobs, POST_QUEUE, "too long").await,
        dead(&*jobs, POST_QUEUE, "too long").await,
    ];
    let neither = run(&*jobs, &retry(Vec::new(), false, None), at(3)).await;
    assert!(neither.is_err());
    let both = run(&*jobs, &retry(vec![picture], true, None), at(3)).await;
    assert!(both.is_err());
    let all = retry(Vec::new(), true, Some(POST_QUEUE));
    let (text, _) = run(&*jobs, &all, at(3)).await.expect("retries");
    assert!(text.starts_with("2 jobs"), "{text}");
    for post in posts {
        assert_eq!(state(&*jobs, post).await, Some(JobState::Ready));
    }
    assert_eq!(state(&*jobs, picture).await, Some(JobState::Dead));
}

/// What the program prints, and whether it ends well.
async fn told(database: &TestDatabase, arguments: &[&str]) -> (String, bool) {
    let data = data_folder();
    let settings = [("DATABASE_URL", database.url())];
    let arguments = [&["jobs"], arguments].concat();
    let output = program(data.path(), &arguments, &settings).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (text, output.status.success())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_shows_a_dead_job() {
    let database = TestDatabase::new().await;
    let id = dead(&*database.database().jobs(), POST_QUEUE, "too\nlong").await;
    let (text, well) = told(&database, &["show", &id.to_string()]).await;
    assert!(
        well && text.contains("too\nlong") && text.contains("postId"),
        "{text}"
    );
    let nobody = JobId(self::id()).to_string();
    let (text, well) = told(&database, &["show", &nobody]).await;
    assert!(!well && text.contains("no such job"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_has_dead_jobs_tried_again() {
    let database = TestDatabase::new().await;
    let jobs = database.database().jobs();
    let post = dead(&*jobs, POST_QUEUE, "too long").await;
    let picture = dead(&*jobs, IMAGE_QUEUE, "too dark").await;
    let (text, well) = told(&database, &["retry", &post.to_string()]).await;
    assert!(well && text.contains("is ready again"), "{text}");
    assert_eq!(state(&*jobs, post).await, Some(JobState::Ready));
    let (text, well) = told(&database, &["retry", &post.to_string()]).await;
    assert!(!well && text.contains("no such dead job"), "{text}");
    let (text, well) = told(&database, &["retry", "--all"]).await;
    assert!(well && text.starts_with("1 job"), "{text}");
    assert_eq!(state(&*jobs, picture).await, Some(JobState::Ready));
    let (_, well) = told(&database, &["retry"]).await;
    assert!(!well, "it is not said which");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_discards_dead_jobs_only() {
    let database = TestDatabase::new().await;
    let jobs = database.database().jobs();
    let post = dead(&*jobs, POST_QUEUE, "too long").await;
    let ready = dead(&*jobs, POST_QUEUE, "too long").await;
    assert!(jobs.replay(ready, at(3)).await.expect("replays"));
    let both = ["discard", &post.to_string(), &ready.to_string()];
    let (text, well) = told(&database, &both).await;
    assert!(!well && text.contains(&format!("{post} is gone")), "{text}");
    assert_eq!(state(&*jobs, post).await, None);
    assert_eq!(state(&*jobs, ready).await, Some(JobState::Ready));
}
