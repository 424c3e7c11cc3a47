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

const COMPUTED: &str =
    "sluicegate_edge_instances_ended_total{component=\"guest\",reason=\"computed\"} 1";

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_in_an_upload_does_not_hold_a_core_for_as_long_as_an_upload_may_take() {
    let limits = Limits {
        compute_timeout: Duration::from_secs(1),
        upload_path: "/loop".to_owned(),
        ..Limits::default()
    };
    // Longer than anything may take in a test.
    assert!(limits.upload_timeout > crate::support::PATIENCE);
    let host = Running::start("loop-upload", "", limits).await;
    let looping = host.post("/loop", "picture").await;
    assert_eq!(looping.status, 504);
    assert_eq!(looping.problem(), "gateway-timeout");
    host.until_counted(COMPUTED).await;
    assert_eq!(host.get("/hello").await.text(), "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_behind_the_head_of_a_response_is_cut_off_too() {
    let limits = Limits {
        compute_timeout: Duration::from_secs(1),
        ..Limits::default()
    };
    let host = Running::start("loop-half", "", limits).await;
    let answer = host.get("/half-loop").await;
    assert_eq!(answer.status, 200);
    assert!(!answer.complete);
    host.until_counted(COMPUTED).await;
}

#[tokio::test]
async fn whoever_only_waits_uses_nothing_of_what_it_may_compute() {
    let limits = Limits {
        compute_timeout: Duration::from_millis(100),
        request_timeout: Duration::from_secs(2),
        ..Limits::default()
    };
    let host = Running::start("wait-longer", "", limits).await;
    assert_eq!(host.get("/wait").await.problem(), "gateway-timeout");
    assert!(!host.counted(COMPUTED));
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
