use std::sync::Arc;

use sluicegate_conformance::cache::{Caches, run};
use sluicegate_local::{LocalCache, system_env};

#[tokio::test]
async fn the_cache_keeps_the_promises_of_its_port() {
    let cache = Arc::new(LocalCache::new(system_env(), 1024 * 1024));
    run(&Caches {
        one: cache.clone(),
        other: cache,
    })
    .await;
}
