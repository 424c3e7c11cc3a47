use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use sluicegate_origin::http::{Bounds, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(30);

/// Sends the head of a request and, if it is answered before that, nothing of its body; the answer's head.
async fn answer(stream: &mut TcpStream, path: &str, body: &str) -> String {
    let request = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.expect("writes");
    let mut answer = Vec::new();
    let reading = async {
        while !answer.ends_with(b"\r\n\r\nanswer") {
            answer.push(stream.read_u8().await.expect("reads"));
        }
    };
    timeout(LIMIT, reading).await.expect("answers in time");
    String::from_utf8(answer).expect("is text").to_lowercase()
}

#[tokio::test]
async fn who_is_answered_before_the_body_is_told_that_the_connection_ends() {
    let app = Router::new()
        .route("/early", post(|| async { "answer" }))
        .route("/late", post(|_: Bytes| async { "answer" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("has one");
    let shutdown = CancellationToken::new();
    let bounds = Bounds {
        connections: 4,
        drain: LIMIT,
    };
    let serving = tokio::spawn(serve(listener, app, bounds, shutdown.clone()));

    let mut stream = TcpStream::connect(address).await.expect("connects");
    for _ in 0..2 {
        let read = answer(&mut stream, "/late", "body").await;
        assert!(!read.contains("connection: close"), "{read}");
    }
    let unread = answer(&mut stream, "/early", "").await;
    assert!(unread.contains("connection: close"), "{unread}");
    let end = timeout(LIMIT, stream.read(&mut [0; 1])).await;
    assert_eq!(end.expect("is closed in time").expect("reads"), 0);

    shutdown.cancel();
    assert!(serving.await.expect("ends"));
}
