//! Clients that do not keep to what they said.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::load::Load;
use super::random::Random;
use super::world::{FAULT_LIMIT, World};
use crate::fixtures;
use crate::wait::within;

/// Between two pieces of somebody slow, and how large they are.
const DRIP: Duration = Duration::from_millis(100);
const DROP: [u8; 16] = [0; 16];

/// A connection on which an upload of `length` bytes has begun.
async fn begin(world: &World, load: &Load, length: usize) -> Result<TcpStream> {
    let address = world.edge_url.trim_start_matches("http://");
    let token = load.bystander.token.as_deref().context("a token")?;
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "POST /v1/uploads?purpose=avatar HTTP/1.1\r\nhost: edge\r\nauthorization: Bearer {token}\r\n\
         content-type: application/octet-stream\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    Ok(stream)
}

/// All that is said until the edge hangs up; that may be a reset.
async fn until_closed(stream: &mut (impl AsyncReadExt + Unpin)) -> Result<String> {
    let mut seen = Vec::new();
    let _ = within(
        "the edge to hang up",
        FAULT_LIMIT,
        stream.read_to_end(&mut seen),
    )
    .await?;
    Ok(String::from_utf8_lossy(&seen).into_owned())
}

/// What goes on behind the body is no request.
pub async fn sends_too_much(world: &World, load: &Load, random: &mut Random) -> Result<()> {
    let picture = fixtures::noise(random.number(), false)?;
    let mut stream = begin(world, load, picture.len()).await?;
    stream.write_all(&picture).await?;
    stream.write_all(b"and more than was said\r\n\r\n").await?;
    let seen = until_closed(&mut stream).await?;
    ensure!(
        seen.contains("HTTP/1.1 400"),
        "the rest was not refused: {seen}"
    );
    Ok(())
}

/// The body ends before its length.
pub async fn sends_too_little(world: &World, load: &Load, random: &mut Random) -> Result<()> {
    let picture = fixtures::noise(random.number(), false)?;
    let mut stream = begin(world, load, picture.len()).await?;
    let half = picture.get(..picture.len() / 2).context("half a picture")?;
    stream.write_all(half).await?;
    stream.shutdown().await?;
    let seen = until_closed(&mut stream).await?;
    ensure!(
        !seen.contains("HTTP/1.1 2"),
        "half a picture was taken: {seen}"
    );
    Ok(())
}

/// The body comes in drops.
pub async fn is_slow(world: &World, load: &Load) -> Result<()> {
    let stream = begin(world, load, 1_000_000).await?;
    let (mut reading, mut writing) = stream.into_split();
    let dripping = tokio::spawn(async move {
        let mut pause = tokio::time::interval(DRIP);
        while writing.write_all(&DROP).await.is_ok() {
            pause.tick().await;
        }
    });
    let seen = until_closed(&mut reading).await;
    dripping.abort();
    let seen = seen?;
    ensure!(seen.contains("HTTP/1.1 408"), "it was not given up: {seen}");
    Ok(())
}
