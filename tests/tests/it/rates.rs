//! Rates of jobs, from the setting to what all processes begin.

use std::time::{Duration, Instant};

use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::Moderation;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::wait::wait_for;

const LIMIT: Duration = Duration::from_mins(1);
const POSTS: u32 = 8;
/// One a second, and at first the share of two seconds.
const A_MINUTE: &str = "60";
const AT_ONCE: u32 = 2;

#[tokio::test]
async fn a_rate_of_the_settings_holds_for_all_processes_together() {
    let options = Options::default()
        .setting("POST_JOBS_A_MINUTE", A_MINUTE)
        .setting("MODERATION_CONTENT_ASYNC", "true");
    let platform = Platform::start(options).await.unwrap();
    let worker = platform.start_worker().await.unwrap();
    let client = platform.sign_up("in_a_hurry").await.unwrap();
    let since = Instant::now();
    for number in 0..POSTS {
        let text = format!("The {number}th thing that I have to say.");
        let answer = client.post(&text, None).await.unwrap();
        answer.expect::<Post>(201).unwrap();
    }
    wait_for("all posts to be judged", LIMIT, async || {
        let posts = client.newest_posts().await?;
        let is_judged = |post: &Post| post.moderation == Moderation::Passed;
        Ok(posts.iter().all(is_judged).then_some(()))
    })
    .await
    .unwrap();
    let took = since.elapsed();
    let least = Duration::from_secs((POSTS - AT_ONCE).into());
    assert!(took >= least, "{POSTS} posts within {took:?}");
    worker.stop(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
}
