//! More than the host takes at once, and its orderly end.

use std::net::TcpStream;
use std::time::Duration;

use sluicegate_edge::Limits;

use crate::support::{Raw, Running, eventually};

#[tokio::test]
async fn requests_beyond_the_limit_are_told_to_come_back() {
    let limits = Limits {
        requests: 1,
        ..Limits::default()
    };
    let host = Running::start("requests", "", limits).await;
    let mut first = Raw::open(host.address).await;
    first.begin("/count", 5).await;
    eventually(async || host.get("/hello").await.status == 503).await;
    let refused = host.get("/hello").await;
    assert_eq!(refused.problem(), "unavailable");
    assert_eq!(refused.headers["retry-after"], "1");
    first.write("12345").await;
    first.read_until("\r\n5\r\n").await;
    eventually(async || host.get("/hello").await.status == 200).await;
}

#[tokio::test]
async fn the_reserved_path_is_answered_when_all_places_are_taken() {
    let limits = Limits {
        requests: 1,
        reserved_path: "/hello".to_owned(),
        ..Limits::default()
    };
    let host = Running::start("reserved", "", limits).await;
    let mut first = Raw::open(host.address).await;
    first.begin("/count", 5).await;
    eventually(async || host.get("/uses").await.status == 503).await;
    assert_eq!(host.get("/hello").await.status, 200);
    assert_eq!(host.post("/hello", "body").await.status, 503);
}

#[tokio::test]
async fn an_upload_that_is_refused_unread_still_sees_why() {
    let limits = Limits {
        uploads: 0,
        upload_path: "/count".to_owned(),
        ..Limits::default()
    };
    let host = Running::start("uploads", "", limits).await;
    let mut client = Raw::open(host.address).await;
    client.begin("/count", 8 << 20).await;
    client.write(vec![0; 8 << 20]).await;
    let seen = client.read_until("}").await;
    assert!(seen.starts_with("HTTP/1.1 503"), "{seen}");
    assert!(seen.contains("retry-after: 5"), "{seen}");
    assert_eq!(host.get("/hello").await.status, 200);
}

#[tokio::test]
async fn what_runs_is_finished_and_nothing_new_is_taken() {
    let mut host = Running::start("drain", "", Limits::default()).await;
    let mut running = Raw::open(host.address).await;
    running.begin("/echo", 10).await;
    running.write("begun").await;
    running.read_until("begun").await;
    host.shut_down();
    let address = host.address;
    eventually(async || TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err())
        .await;
    running.write("ended").await;
    running.read_until("ended\r\n0\r\n\r\n").await;
    host.ended().await;
}

#[tokio::test]
async fn the_drain_is_bounded() {
    let limits = Limits {
        drain: Duration::from_millis(100),
        ..Limits::default()
    };
    let mut host = Running::start("drain-bounded", "", limits).await;
    let mut running = Raw::open(host.address).await;
    running.begin("/echo", 10).await;
    running.write("begun").await;
    running.read_until("begun").await;
    host.shut_down();
    host.ended().await;
}
