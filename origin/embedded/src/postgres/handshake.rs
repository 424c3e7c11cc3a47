use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// What a Postgres answers to somebody who wants in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// It asks for authentication, or is full: it works.
    Ready,
    /// It is starting or stopping.
    NotNow,
    /// Nobody is there.
    Nobody,
}

const ANSWER_TIME: Duration = Duration::from_secs(2);
/// `SQLSTATE` 57P03, `cannot_connect_now`, as a field of an error message.
const CANNOT_CONNECT_NOW: &[u8] = b"C57P03\0";

/// Asks the Postgres behind the socket in `folder` whether it would let us in, without a password.
pub async fn handshake(folder: &Path) -> Handshake {
    match timeout(ANSWER_TIME, ask(folder)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Handshake::Nobody,
        Err(_) => Handshake::NotNow,
    }
}

async fn ask(folder: &Path) -> std::io::Result<Handshake> {
    let mut stream = UnixStream::connect(folder.join(".s.PGSQL.5432")).await?;
    stream.write_all(&startup_message()).await?;
    let mut answer = Vec::new();
    stream.read_buf(&mut answer).await?;
    match answer.first() {
        Some(b'R') => Ok(Handshake::Ready),
        Some(b'E') => {
            stream.take(8 * 1024).read_to_end(&mut answer).await?;
            let not_now = answer
                .windows(CANNOT_CONNECT_NOW.len())
                .any(|w| w == CANNOT_CONNECT_NOW);
            Ok(if not_now {
                Handshake::NotNow
            } else {
                Handshake::Ready
            })
        }
        _ => Ok(Handshake::NotNow),
    }
}

fn startup_message() -> Vec<u8> {
    let parameters = format!("user\0{}\0database\0postgres\0\0", super::USER);
    let length = u32::try_from(parameters.len() + 8).unwrap_or_default();
    let mut message = length.to_be_bytes().to_vec();
    message.extend(196_608_u32.to_be_bytes());
    message.extend(parameters.as_bytes());
    message
}
