//! Bodies stream, whole or not at all.

use bytes::Bytes;
use sluicegate_edge::Limits;

use crate::support::{Raw, Running};

fn noise(length: usize) -> Bytes {
    let mut x = 1_u32;
    (0..length)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            x.to_le_bytes()[0]
        })
        .collect()
}

#[tokio::test]
async fn twenty_megabytes_come_back_as_they_went() {
    let host = Running::start("echo", "", Limits::default()).await;
    let sent = noise(20_000_000);
    for path in ["/echo", "/hand-on"] {
        let answer = host.post(path, sent.clone()).await;
        assert!(answer.complete, "{path}");
        assert!(answer.body == sent, "{path} changed the body");
    }
}

#[tokio::test]
async fn pieces_come_back_before_the_rest_is_sent() {
    let host = Running::start("pieces", "", Limits::default()).await;
    for path in ["/echo", "/hand-on"] {
        let mut connection = Raw::open(host.address).await;
        connection.begin(path, 12).await;
        for piece in ["first-", "second"] {
            connection.write(piece).await;
            connection.read_until(piece).await;
        }
    }
}

#[tokio::test]
async fn a_trap_in_the_middle_is_no_clean_end() {
    let host = Running::start("half", "", Limits::default()).await;
    let mut connection = Raw::open(host.address).await;
    connection
        .write("GET /half HTTP/1.1\r\nhost: edge\r\n\r\n")
        .await;
    let mut seen = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut connection.0, &mut seen);
    // The connection may end with a reset as well: what counts is what came before.
    let _ = crate::support::in_time(read).await;
    let seen = String::from_utf8_lossy(&seen);
    assert!(!seen.contains("\r\n0\r\n"), "a clean end: {seen}");
    assert_eq!(host.get("/hello").await.text(), "hello");
}

#[tokio::test]
async fn a_client_that_breaks_off_leaves_its_place() {
    let limits = Limits {
        requests: 1,
        ..Limits::default()
    };
    let host = Running::start("broken-off", "", limits).await;
    let mut connection = Raw::open(host.address).await;
    connection.begin("/count", 100).await;
    connection.write("half").await;
    crate::support::eventually(async || host.get("/hello").await.status == 503).await;
    drop(connection);
    crate::support::eventually(async || host.get("/hello").await.status == 200).await;
}
