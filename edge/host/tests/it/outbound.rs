//! What components send, and where they may.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sluicegate_edge::Limits;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::support::{Running, in_time};

/// What a peer saw of a request.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    host: String,
    path: String,
    bytes: usize,
    complete: bool,
}

/// A peer that takes everything and tells what it saw.
async fn peer() -> (SocketAddr, mpsc::UnboundedReceiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tell = tell.clone();
            let service = service_fn(move |request| take(request, tell.clone()));
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (address, seen)
}

async fn take(
    request: Request<Incoming>,
    tell: mpsc::UnboundedSender<Seen>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (parts, mut body) = request.into_parts();
    let mut seen = Seen {
        host: parts.headers["host"].to_str().unwrap().to_owned(),
        path: parts.uri.to_string(),
        bytes: 0,
        complete: true,
    };
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            seen.complete = false;
            break;
        };
        seen.bytes += frame.into_data().unwrap_or_default().len();
    }
    tell.send(seen).unwrap();
    Ok(Response::new(Empty::new()))
}

fn allowing(address: SocketAddr) -> String {
    format!("allowed_outbound_hosts = [\"http://{address}\", \"*://{address}\"]")
}

#[tokio::test]
async fn only_declared_hosts_are_reached() {
    let (allowed, mut seen) = peer().await;
    let (other, mut unseen) = peer().await;
    let host = Running::start("allowed", &allowing(allowed), Limits::default()).await;
    let answer = host.get(&format!("/fetch?http://{allowed}/a/b?c")).await;
    assert_eq!(answer.text(), "200");
    let first = in_time(seen.recv()).await.unwrap();
    assert_eq!(
        (first.host, first.path),
        (allowed.to_string(), "/a/b?c".to_owned())
    );

    for denied in [format!("http://{other}/"), "http://localhost:1/".to_owned()] {
        let answer = host.get(&format!("/fetch?{denied}")).await;
        assert!(answer.text().contains("HttpRequestDenied"), "{answer:?}");
    }
    assert!(unseen.try_recv().is_err());
}

#[tokio::test]
async fn nothing_is_reached_where_nothing_is_declared() {
    let (other, mut unseen) = peer().await;
    let host = Running::start("nothing", "", Limits::default()).await;
    let answer = host.get(&format!("/fetch?http://{other}/")).await;
    assert!(answer.text().contains("HttpRequestDenied"), "{answer:?}");
    assert!(unseen.try_recv().is_err());
}

#[tokio::test]
async fn tls_is_refused_and_said_so() {
    let (allowed, _) = peer().await;
    let host = Running::start("tls", &allowing(allowed), Limits::default()).await;
    let answer = host.get(&format!("/fetch?https://{allowed}/")).await;
    assert!(answer.text().contains("plain http only"), "{answer:?}");
}

#[tokio::test]
async fn whoever_does_not_listen_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let host = Running::start("unreachable", &allowing(closed), Limits::default()).await;
    let answer = host.get(&format!("/fetch?http://{closed}/")).await;
    assert!(answer.text().contains("ConnectionRefused"), "{answer:?}");
}

#[tokio::test]
async fn bodies_are_handed_on_whole() {
    let (allowed, mut seen) = peer().await;
    let host = Running::start("handed-on", &allowing(allowed), Limits::default()).await;
    let answer = host
        .post(&format!("/send?http://{allowed}/x"), vec![7; 5_000_000])
        .await;
    assert_eq!(answer.text(), "200");
    let seen = in_time(seen.recv()).await.unwrap();
    assert_eq!((seen.bytes, seen.complete), (5_000_000, true));
}

#[tokio::test]
async fn a_body_that_is_given_up_never_ends_cleanly() {
    let (allowed, mut seen) = peer().await;
    let host = Running::start("given-up", &allowing(allowed), Limits::default()).await;
    let answer = host.get(&format!("/abort?http://{allowed}/x")).await;
    assert_ne!(answer.text(), "200");
    let seen = in_time(seen.recv()).await.unwrap();
    assert!(!seen.complete, "{seen:?}");
}
