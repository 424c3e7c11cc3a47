mod server;

use std::sync::Arc;
use std::time::Duration;

use sluicegate_redis::{Patience, Shared};
use sluicegate_redis_address::RedisAddress;
use tokio::time::Instant;

pub(crate) use server::Redis;

/// A machine that is busy with other tests is no Redis that is down.
pub(crate) const PATIENT: Patience = Patience {
    call: Duration::from_secs(10),
    pause: Duration::from_millis(100),
    connect: Duration::from_secs(10),
    node: Duration::from_secs(5),
};

pub(crate) fn shared(url: &str, ca: Option<&[u8]>, patience: Patience) -> Arc<Shared> {
    let address = RedisAddress::parse(url, ca.map(<[u8]>::to_vec)).unwrap();
    Arc::new(Shared::new(address, patience))
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !so().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a server on loopback answers, as text.
pub(crate) async fn ask(port: u16, words: &[&str]) -> Result<String, redis::RedisError> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}"))?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let (name, arguments) = words.split_first().expect("a command");
    let mut command = redis::cmd(name);
    command.arg(arguments);
    let answer: Option<String> = command.query_async(&mut connection).await?;
    Ok(answer.unwrap_or_default())
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
