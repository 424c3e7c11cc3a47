//! HTTP by hand, for what a well-behaved client library will not do.

use std::time::Duration;

use anyhow::{Context, Result};
use sluicegate_tests::wait::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends bytes as they are, and reads the answer to its end.
pub async fn exchange(base: &str, request: &[u8]) -> Result<String> {
    let mut stream = connect(base).await?;
    stream.write_all(request).await?;
    read(stream).await
}

/// The same, but ends the sending side before it reads. A server may then hang up without an answer.
pub async fn exchange_cut_short(base: &str, request: &[u8]) -> Result<String> {
    let mut stream = connect(base).await?;
    stream.write_all(request).await?;
    stream.shutdown().await?;
    read(stream).await
}

/// Sends and reads at once, until the server hangs up. Where it does so half-way that may be a reset: what counts
/// is what came before.
pub async fn talk(base: &str, request: Vec<u8>) -> Result<String> {
    let (mut reading, mut writing) = connect(base).await?.into_split();
    let sending = tokio::spawn(async move {
        let _ = writing.write_all(&request).await;
        writing
    });
    let mut seen = Vec::new();
    let answer = reading.read_to_end(&mut seen);
    let _ = within("an answer", Duration::from_mins(1), answer).await?;
    sending.abort();
    Ok(String::from_utf8_lossy(&seen).into_owned())
}

async fn read(mut stream: TcpStream) -> Result<String> {
    let mut answer = Vec::new();
    within(
        "an answer",
        Duration::from_mins(1),
        stream.read_to_end(&mut answer),
    )
    .await??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

pub async fn connect(base: &str) -> Result<TcpStream> {
    TcpStream::connect(base.trim_start_matches("http://"))
        .await
        .context("connect")
}

/// The head of an upload that says what it likes about its length.
pub fn upload_head(token: &str, length: &str) -> String {
    format!(
        "POST /v1/uploads?purpose=avatar HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\
         authorization: Bearer {token}\r\n{length}\r\n\r\n"
    )
}
