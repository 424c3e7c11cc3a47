//! The platform whose queries go through `PgBouncer` in transaction mode, and whose listening goes past it.

use std::time::Duration;

use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{PgBouncer, ask_database};
use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::UploadState;
use sluicegate_tests::database::Database;
use sluicegate_tests::events::Events;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::wait::{wait_for, within};

const LIMIT: Duration = Duration::from_mins(1);
/// Prepared statements that the pooler keeps for each connection of the server.
const STATEMENTS: u32 = 200;
/// Sessions of the server that listen for what wakes workers and readers of events.
const LISTENERS: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and query ilike 'listen %'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_gets_into_a_post_through_a_pooler() {
    let name = "a_picture_gets_into_a_post_through_a_pooler";
    let database = Database::start().await.unwrap();
    let direct = database.url().unwrap();
    let Some(mut pooler) = PgBouncer::before(&direct, STATEMENTS, name).await else {
        database.end().await.unwrap();
        return;
    };
    let ran = RanOn::begins(pooler.version(), "the whole platform");
    let options = Options {
        no_workers: true,
        ..Options::default()
            .setting("DATABASE_URL", &pooler.url())
            .setting("DATABASE_DIRECT_URL", &direct)
    };
    let platform = Platform::start(options).await.unwrap();
    let ada = platform.sign_up("ada").await.unwrap();

    let picture = fixtures::read("photo.png").unwrap();
    let upload = ada.upload_ok("post_header", picture).await.unwrap();
    let mut events = Events::open(&ada, upload.id).await.unwrap();
    let first = events.next().await.unwrap().expect("how it stands");
    assert_eq!(first.status, UploadState::Received);
    let worker = platform.start_worker().await.unwrap();
    let ready = within("the event", LIMIT, events.until_ready()).await;
    assert!(ready.flatten().unwrap(), "the stream ended before");
    let origin = platform.output();
    for said in [&origin, &worker.output()] {
        let polls = said.iter().find(|line| line.contains("by polling"));
        assert_eq!(polls, None, "it listens past the pooler");
    }

    let post = ada
        .post("The water stands at seven.", Some(upload.id))
        .await;
    let post: Post = post.unwrap().expect(201).unwrap();
    let posts = ada.newest_posts().await.unwrap();
    let shown = posts.iter().find(|shown| shown.id == post.id).unwrap();
    let header = shown.header.as_ref().expect("its picture");
    let picture = ada.get(&header.url).await.unwrap();
    picture.expect_status(200).unwrap();
    assert_eq!(picture.header("content-type"), "image/webp");

    // All of that went through it: nothing goes without it but the listening of both programs.
    assert_eq!(ask_database(&direct, LISTENERS).await, 2);
    pooler.kill().await;
    assert_eq!(ask_database(&direct, LISTENERS).await, 2);
    let me = ada.get("/v1/me").await.unwrap();
    me.expect_problem(503, "unavailable").unwrap();
    pooler.start().await;
    wait_for("the pooler to be used again", LIMIT, async || {
        let me = ada.get("/v1/me").await?;
        Ok((me.status == 200).then_some(()))
    })
    .await
    .unwrap();

    worker.stop(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
    database.end().await.unwrap();
    ran.passed();
}
