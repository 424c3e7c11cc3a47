use std::sync::Arc;

use sluicegate_conformance::limiter::{Limiters, run};
use sluicegate_local::{LocalLimiter, system_env};

#[tokio::test]
async fn the_limiter_keeps_the_promises_of_its_port() {
    let limiter = Arc::new(LocalLimiter::new(system_env(), 1_000));
    run(&Limiters {
        one: limiter.clone(),
        other: limiter,
    })
    .await;
}
