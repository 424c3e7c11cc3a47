use std::sync::Arc;
use std::time::Duration;

use sluicegate_conformance::cache::{Caches, keeps_nothing_until_it_settles, run};
use sluicegate_core::ports::PublicCache;
use sluicegate_local::{LocalCache, system_env};

const ROOM: usize = 1024 * 1024;

#[tokio::test]
async fn the_cache_keeps_the_promises_of_its_port() {
    let cache = Arc::new(LocalCache::new(system_env(), ROOM, Duration::ZERO));
    run(&Caches {
        one: cache.clone(),
        other: cache,
    })
    .await;
}

#[tokio::test]
async fn nothing_is_kept_while_copies_of_the_database_may_be_old() {
    let settles = Duration::from_millis(700);
    let cache: Arc<dyn PublicCache> = Arc::new(LocalCache::new(system_env(), ROOM, settles));
    keeps_nothing_until_it_settles(&cache, settles).await;
}
