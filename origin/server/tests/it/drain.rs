use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use sluicegate_origin::http::{Bounds, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(30);

async fn ask(stream: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("writes");
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let reading = async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("reads"));
        }
    };
    timeout(LIMIT, reading).await.expect("answers in time");
    String::from_utf8(head).expect("is text")
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    let read = timeout(LIMIT, stream.read_to_string(&mut answer)).await;
    read.expect("is closed in time").expect("reads");
    answer
}

#[tokio::test]
async fn what_has_begun_is_finished() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&go));
    let slow = get(
        move |ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>| async move {
            tell.notify_one();
            wait.notified().await;
            format!("hello {}", peer.ip())
        },
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("has one");
    let shutdown = CancellationToken::new();
    let bounds = Bounds {
        connections: 8,
        drain: LIMIT,
    };
    let app = Router::new().route("/slow", slow);
    let server = tokio::spawn(serve(listener, app, bounds, shutdown.clone()));

    let mut idle = TcpStream::connect(address).await.expect("connects");
    ask(&mut idle, "/nothing").await;
    let read = read_head(&mut idle).await;
    assert!(!read.contains("connection: close"), "{read}");
    let mut busy = TcpStream::connect(address).await.expect("connects");
    ask(&mut busy, "/slow").await;
    timeout(LIMIT, begun.notified()).await.expect("begins");

    shutdown.cancel();
    go.notify_one();
    let read = read_all(&mut busy).await;
    assert!(read.ends_with("hello 127.0.0.1"), "{read}");
    assert!(read.contains("connection: close"), "{read}");
    // What a client sends into a connection that it has kept is answered, and it learns that this was the last.
    ask(&mut idle, "/nothing").await;
    let read = read_all(&mut idle).await;
    assert!(read.starts_with("HTTP/1.1 404"), "{read}");
    assert!(read.contains("connection: close"), "{read}");
    assert!(server.await.expect("ends"), "all requests were finished");
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn who_has_connected_is_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("has one");
    let mut stream = TcpStream::connect(address).await.expect("connects");
    ask(&mut stream, "/nothing").await;
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    let bounds = Bounds {
        connections: 8,
        drain: LIMIT,
    };
    let server = tokio::spawn(serve(listener, Router::new(), bounds, shutdown));
    let read = read_all(&mut stream).await;
    assert!(read.starts_with("HTTP/1.1 404"), "{read}");
    assert!(read.contains("connection: close"), "{read}");
    assert!(server.await.expect("ends"), "all requests were finished");
}

#[tokio::test]
async fn who_keeps_a_connection_and_asks_nothing_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("has one");
    let shutdown = CancellationToken::new();
    let bounds = Bounds {
        connections: 8,
        drain: Duration::from_secs(1),
    };
    let server = tokio::spawn(serve(listener, Router::new(), bounds, shutdown.clone()));
    let mut idle = TcpStream::connect(address).await.expect("connects");
    ask(&mut idle, "/nothing").await;
    read_head(&mut idle).await;
    shutdown.cancel();
    assert_eq!(read_all(&mut idle).await, "");
    assert!(server.await.expect("ends"), "nothing was cut");
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut() {
    let begun = Arc::new(Notify::new());
    let tell = Arc::clone(&begun);
    let endless = get(move || async move {
        tell.notify_one();
        std::future::pending::<()>().await;
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("has one");
    let shutdown = CancellationToken::new();
    let bounds = Bounds {
        connections: 8,
        drain: Duration::from_millis(50),
    };
    let app = Router::new().route("/endless", endless);
    let server = tokio::spawn(serve(listener, app, bounds, shutdown.clone()));
    let mut stream = TcpStream::connect(address).await.expect("connects");
    ask(&mut stream, "/endless").await;
    timeout(LIMIT, begun.notified()).await.expect("begins");
    shutdown.cancel();
    assert!(
        !timeout(LIMIT, server)
            .await
            .expect("ends in time")
            .expect("ends")
    );
}
