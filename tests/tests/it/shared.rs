//! A platform that tests without faults share; it ends with the last test that uses it.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use anyhow::Result;
pub use sluicegate_conformance::notes::{measured, skip};
use sluicegate_contract::ids::PostId;
use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::Moderation;
use sluicegate_tests::client::Client;
use sluicegate_tests::platform::{Options, Platform};
use sluicegate_tests::wait::wait_for;
use tokio::sync::{Mutex, MutexGuard};

const LIMIT: Duration = Duration::from_mins(1);

static TURN: Mutex<()> = Mutex::const_new(());
static SHARED: Mutex<Weak<Platform>> = Mutex::const_new(Weak::new());

/// One at a time, other tests beside it: whoever fills the machine, compares how long something takes before and after a fault,
/// or counts on Redis to answer at once. What one of them begins in between would be another's fault.
pub async fn in_turn() -> MutexGuard<'static, ()> {
    TURN.lock().await
}

/// The secret that the shared platform signs tokens with.
pub const JWT_SECRET: &str = "a secret of the tests, of 32 bytes and more";

/// How the shared platform is started.
pub fn options() -> Options {
    let mut options = Options::default().setting("JWT_SECRET", JWT_SECRET);
    options
        .edge_variables
        .push(("jwt_secret".to_owned(), JWT_SECRET.to_owned()));
    options
}

pub async fn platform() -> Result<Arc<Platform>> {
    let mut shared = SHARED.lock().await;
    if let Some(platform) = shared.upgrade() {
        return Ok(platform);
    }
    let platform = Arc::new(Platform::start(options()).await?);
    *shared = Arc::downgrade(&platform);
    Ok(platform)
}

/// Somebody new on a platform; handles are counted so that tests do not meet.
pub async fn somebody(platform: &Platform, handle: &str) -> Result<Client> {
    platform.sign_up(handle).await
}

/// So many new people.
pub async fn people(platform: &Platform, handle: &str, count: u64) -> Vec<Client> {
    let mut people = Vec::new();
    for number in 0..count {
        let person = platform.sign_up(&format!("{handle}_{number}")).await;
        people.push(person.unwrap());
    }
    people
}

/// How long a post waited for its verdict.
pub async fn judged_within(client: &Client, text: &str) -> Duration {
    let since = Instant::now();
    let answer = client.post(text, None).await.unwrap();
    let post: Post = answer.expect(201).unwrap();
    wait_for_verdicts(client, &[post.id]).await;
    since.elapsed()
}

/// Until all of these have passed.
pub async fn wait_for_verdicts(client: &Client, posts: &[PostId]) {
    wait_for("the verdicts on all posts", LIMIT, async || {
        for id in posts {
            let post: Post = client.get(&format!("/v1/posts/{id}")).await?.expect(200)?;
            if post.moderation != Moderation::Passed {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await
    .unwrap();
}
