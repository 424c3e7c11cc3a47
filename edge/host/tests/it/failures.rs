//! Components that trap, eat memory or never answer.

use std::time::Duration;

use sluicegate_edge::Limits;

use crate::support::Running;

async fn quick(name: &str) -> Running {
    let limits = Limits {
        request_timeout: Duration::from_secs(1),
        ..Limits::default()
    };
    Running::start(name, "", limits).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_is_cut_off_and_the_host_goes_on() {
    let host = quick("loop").await;
    let (looping, hello) = tokio::join!(host.get("/loop"), host.get("/hello"));
    assert_eq!(looping.status, 504);
    assert_eq!(looping.problem(), "gateway-timeout");
    assert_eq!(hello.text(), "hello");
    assert_eq!(host.get("/hello").await.text(), "hello");
}

#[tokio::test]
async fn whoever_waits_too_long_is_cut_off_too() {
    let host = quick("wait").await;
    let answer = host.get("/wait").await;
    assert_eq!(answer.problem(), "gateway-timeout");
    assert_eq!(host.get("/hello").await.text(), "hello");
}

#[tokio::test]
async fn memory_is_bounded() {
    let host = Running::start("bomb", "", Limits::default()).await;
    assert_eq!(host.get("/bomb").await.problem(), "bad-gateway");
    assert_eq!(host.get("/hello").await.text(), "hello");
}

#[tokio::test]
async fn traps_and_errors_are_problems() {
    let host = Running::start("trap", "", Limits::default()).await;
    for path in ["/trap", "/error"] {
        let answer = host.get(path).await;
        assert_eq!(answer.status, 502, "{path}");
        assert_eq!(answer.problem(), "bad-gateway", "{path}");
    }
    assert_eq!(host.get("/hello").await.text(), "hello");
}
