//! A database that is down for a while under load: who asks meanwhile is told to come back, and nothing that was
//! acknowledged is lost or judged twice.

use std::time::{Duration, Instant};

use sluicegate_tests::audit::Audit;
use sluicegate_tests::database::Database;
use sluicegate_tests::detector::Detector;
use sluicegate_tests::load::{Habit, Load};
use sluicegate_tests::platform::{Options, Platform};

use crate::shared::{in_turn, measured, people};

const CLIENTS: u64 = 4;
const NORMAL_AGAIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_a_restart_of_the_database() {
    let _turn = in_turn().await;
    let mut database = Database::start().await.unwrap();
    let detector = Detector::start().await.unwrap();
    // Its store goes on while the database is down.
    let options = Options::default()
        .setting("DATABASE_URL", &database.url().unwrap())
        .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
        .setting("MODERATION_IMAGE_ASYNC", "true")
        .setting("MODERATION_CONTENT_ASYNC", "true");
    let platform = Platform::start(options).await.unwrap();
    let habit = Habit {
        posts_a_picture: 2,
        pause: Duration::from_millis(50),
    };
    let load = Load::begin(people(&platform, "busy", CLIENTS).await, habit);
    load.each_is_answered("answered at first").await.unwrap();
    let usual = load.times().await.unwrap();

    let before = database.postmaster().unwrap().1;
    database.stop().await.unwrap();
    load.each_is_refused("refused meanwhile").await.unwrap();
    database.start_again().await.unwrap();
    assert_ne!(
        database.postmaster().unwrap().1,
        before,
        "it is another one"
    );
    let since = Instant::now();
    load.each_is_answered("answered again").await.unwrap();
    let back = since.elapsed();
    let fault = "the database stopped under load and started again";
    let normal = load.is_normal_again(fault, &usual, since).await;
    let said = platform.output();
    normal.unwrap_or_else(|error| panic!("{error:#}\n{}", said.join("\n")));

    let taken = load.end().await.unwrap();
    let judged = usize::try_from(detector.judged()).unwrap();
    assert!(judged >= taken.uploads, "{judged} of {}", taken.uploads);
    let audit = Audit::of(&platform).await.unwrap();
    audit.ensure_nothing_lost().unwrap();
    measured(&format!(
        "{fault}: each of {CLIENTS} clients had uploads and posts taken {:.1} s after it",
        back.as_secs_f64()
    ));
    assert!(back < NORMAL_AGAIN, "{back:?}");
    platform.stop().await.unwrap();
    database.end().await.unwrap();
}
