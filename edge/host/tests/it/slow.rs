//! Clients that take their time.

use std::time::Duration;

use sluicegate_edge::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::interval;

use crate::support::{PATIENCE, Raw, Running, in_time};

const TOO_SLOW: &str = "sluicegate_edge_refused_total{reason=\"body_too_slow\"} 1";

/// Sends a byte every now and then until the other end has had enough; gives what it said.
async fn drip(connection: Raw, byte: &[u8]) -> String {
    let (mut reading, mut writing) = connection.0.into_split();
    let byte = byte.to_vec();
    let dripping = tokio::spawn(async move {
        let mut pause = interval(Duration::from_millis(50));
        while writing.write_all(&byte).await.is_ok() {
            pause.tick().await;
        }
    });
    let mut seen = Vec::new();
    // The end may be a reset as well: what counts is what came before.
    let _ = in_time(reading.read_to_end(&mut seen)).await;
    dripping.abort();
    String::from_utf8(seen).unwrap_or_default()
}

#[tokio::test]
async fn a_head_that_drips_is_a_time_out() {
    let limits = Limits {
        header_timeout: Duration::from_secs(1),
        ..Limits::default()
    };
    let host = Running::start("drip-head", "", limits).await;
    let mut connection = Raw::open(host.address).await;
    connection
        .write("GET /hello HTTP/1.1\r\nhost: edge\r\nx: ")
        .await;
    let seen = drip(connection, b"x").await;
    assert!(seen.starts_with("HTTP/1.1 408"), "{seen}");
    assert!(host.counted("sluicegate_edge_refused_total{reason=\"head_too_slow\"} 1"));
}

#[tokio::test]
async fn an_upload_that_drips_is_a_time_out() {
    let limits = Limits {
        upload_path: "/count".to_owned(),
        upload_pace_bytes: 1000,
        pace_window: Duration::from_secs(1),
        ..Limits::default()
    };
    let host = Running::start("drip-upload", "", limits).await;
    let mut connection = Raw::open(host.address).await;
    connection.begin("/count", 1_000_000).await;
    // What comes at first does not count for later.
    connection.write(vec![b'x'; 100_000]).await;
    let seen = drip(connection, b"x").await;
    assert!(seen.starts_with("HTTP/1.1 408"), "{seen}");
    assert!(seen.contains("/problems/request-timeout"), "{seen}");
    assert!(host.counted(TOO_SLOW));
    host.until_counted("sluicegate_edge_active_uploads 0").await;
}

#[tokio::test]
async fn any_other_body_that_drips_is_a_time_out() {
    let limits = Limits {
        body_pace_bytes: 1000,
        pace_window: Duration::from_secs(1),
        ..Limits::default()
    };
    let host = Running::start("drip-body", "", limits).await;
    let mut connection = Raw::open(host.address).await;
    connection.begin("/count", 1_000_000).await;
    let seen = drip(connection, b"x").await;
    assert!(seen.starts_with("HTTP/1.1 408"), "{seen}");
    assert!(host.counted(TOO_SLOW));
}

#[tokio::test]
async fn a_body_that_stands_still_is_a_time_out() {
    let limits = Limits {
        stall_timeout: Duration::from_secs(1),
        ..Limits::default()
    };
    let host = Running::start("stand-still", "", limits).await;
    let mut connection = Raw::open(host.address).await;
    connection.begin("/count", 10).await;
    connection.write("half").await;
    let seen = connection.read_until("}").await;
    assert!(seen.starts_with("HTTP/1.1 408"), "{seen}");
    assert!(host.counted(TOO_SLOW));
}

#[tokio::test]
async fn an_upload_may_not_take_for_ever_however_steadily_it_comes() {
    let limits = Limits {
        upload_path: "/count".to_owned(),
        upload_timeout: Duration::from_secs(2),
        upload_pace_bytes: 0,
        ..Limits::default()
    };
    // It is the time of uploads that ends it, not that of every request.
    assert!(limits.request_timeout >= PATIENCE);
    let host = Running::start("long-upload", "", limits).await;
    let mut connection = Raw::open(host.address).await;
    connection.begin("/count", 100_000_000).await;
    let seen = drip(connection, &[b'x'; 1000]).await;
    assert!(seen.starts_with("HTTP/1.1 504"), "{seen}");
    assert!(seen.contains("/problems/gateway-timeout"), "{seen}");
    host.until_counted("sluicegate_edge_active_uploads 0").await;
}

#[tokio::test]
async fn an_answer_may_not_take_for_ever_however_steadily_it_goes() {
    let limits = Limits {
        body_timeout: Duration::from_secs(2),
        body_pace_bytes: 0,
        ..Limits::default()
    };
    let host = Running::start("long-answer", "", limits).await;
    let mut connection = Raw::open(host.address).await;
    // What comes goes back at once, so that the answer lasts as long as its request.
    connection.begin("/echo", 100_000_000).await;
    let seen = drip(connection, &[b'x'; 1000]).await;
    assert!(seen.starts_with("HTTP/1.1 200"), "{seen}");
    assert!(!seen.ends_with("0\r\n\r\n"), "it came to its end");
    host.until_counted("http_server_active_requests{http_request_method=\"POST\"} 0")
        .await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let limits = Limits {
        stall_timeout: Duration::from_secs(1),
        ..Limits::default()
    };
    let host = Running::start("no-reader", "", limits).await;
    let mut connection = Raw::open(host.address).await;
    connection.begin("/echo", 100_000_000).await;
    // More than all buffers between here and there hold, and nobody reads what comes back.
    let piece = vec![b'x'; 1 << 20];
    while in_time(connection.0.write_all(&piece)).await.is_ok() {}
    host.until_counted("http_server_active_requests{http_request_method=\"POST\"} 0")
        .await;
}
