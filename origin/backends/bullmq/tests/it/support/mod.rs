mod asked;
mod jobs;
mod log;
mod named_time;
mod server;
mod world;

pub(crate) use asked::Asked;
pub(crate) use jobs::TestJob;
pub(crate) use log::Log;
pub(crate) use named_time::ByRedis;
pub(crate) use server::{Redis, bull, queue};
pub(crate) use world::{Running, World, name_in, quick};

use std::time::Duration;

use tokio::time::Instant;

/// Waits until it is so.
pub(crate) async fn until(what: &str, so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !so().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What runs now, as the test program names it.
pub(crate) fn test_name() -> String {
    std::thread::current().name().unwrap_or("a test").to_owned()
}

/// The Redis of this test, or a return from it, noted.
macro_rules! redis_or_skip {
    ($($argument:expr),* $(,)?) => {
        match $crate::support::Redis::start(&[$($argument),*]).await {
            Some(redis) => redis,
            None => return,
        }
    };
}
pub(crate) use redis_or_skip;
