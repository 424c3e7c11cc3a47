//! A small HTTP/1.1 server: what stand-in and native proxy have in common.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

pub(crate) type Body = BoxBody<Bytes, hyper::Error>;
pub(crate) type Answer = Response<Body>;

/// Listens on a free port, says where, and answers until it is killed.
pub(crate) async fn serve<F, O>(answer: F) -> Result<()>
where
    F: Fn(Request<Incoming>) -> O + Send + Sync + 'static,
    O: Future<Output = Answer> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    serve_on(listener, answer).await
}

/// Answers on this port for ever.
pub(crate) async fn serve_on<F, O>(listener: TcpListener, answer: F) -> Result<()>
where
    F: Fn(Request<Incoming>) -> O + Send + Sync + 'static,
    O: Future<Output = Answer> + Send,
{
    let answer = Arc::new(answer);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answer = Arc::clone(&answer);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let answer = Arc::clone(&answer);
                async move { Ok::<_, Infallible>(answer(request).await) }
            });
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new());
            // A client that went away is of no interest here.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed()
}

pub(crate) fn plain(status: StatusCode) -> Answer {
    let mut answer = Response::new(whole(Bytes::new()));
    *answer.status_mut() = status;
    answer
}

pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Answer {
    let mut answer = Response::new(whole(value.to_string()));
    *answer.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    answer
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    answer
}
