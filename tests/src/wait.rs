//! Waiting on a condition.

use std::fmt::Display;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(25);

/// Looks until `condition` gives a value. The limit is there to end a test that will not pass, not to
/// measure: choose it many times longer than the wait should be.
pub async fn wait_for<T, F>(what: impl Display, limit: Duration, mut condition: F) -> Result<T>
where
    F: AsyncFnMut() -> Result<Option<T>>,
{
    let start = Instant::now();
    loop {
        if let Some(value) = condition().await? {
            return Ok(value);
        }
        if start.elapsed() > limit {
            bail!("waited {limit:?} in vain for {what}");
        }
        tokio::time::sleep(STEP).await;
    }
}

/// Ends a future that takes too long.
pub async fn within<T>(
    what: impl Display,
    limit: Duration,
    future: impl Future<Output = T>,
) -> Result<T> {
    match tokio::time::timeout(limit, future).await {
        Ok(value) => Ok(value),
        Err(_) => bail!("waited {limit:?} in vain for {what}"),
    }
}
