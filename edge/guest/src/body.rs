//! Bodies of requests and answers, read in bounded pieces or handed on unread.

use std::time::Duration;

use sluicegate_contract::limits;

use crate::wasi::{Source, spawn, time_limit};

/// A body that was not touched yet, or read in part.
pub struct Body {
    source: Source,
    /// The client sends it only when somebody begins to read.
    held_back: bool,
}

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// Longer than the limit.
    TooLong,
    /// Cut off before its end.
    Cut,
}

/// How much of a refused body is still taken, so that a client that writes before it reads gets to
/// see the refusal instead of a broken connection.
#[derive(Debug, Clone, Copy)]
pub struct Drain {
    /// Bytes.
    pub bytes: u64,
    /// From the refusal on.
    pub time: Duration,
}

impl Drain {
    /// Enough for a client that is somewhat over a limit; not for one that floods.
    pub const SHORT: Self = Self {
        bytes: 16 * 1024 * 1024,
        time: Duration::from_secs(10),
    };
}

impl Body {
    pub(crate) fn new(source: Source, held_back: bool) -> Self {
        Self { source, held_back }
    }

    /// The stream, to be handed on.
    pub fn into_source(self) -> Source {
        self.source
    }

    async fn read(&mut self, buffer: Vec<u8>) -> (Vec<u8>, bool) {
        self.held_back = false;
        self.source.read(buffer).await
    }

    /// Reads the beginning: `limit` bytes, or all if there are fewer.
    pub async fn head(&mut self, limit: usize) -> Vec<u8> {
        let mut head = Vec::with_capacity(limit);
        while head.len() < limit {
            // The capacity may be more than was asked for, the beginning may not.
            let (piece, more) = self.read(Vec::with_capacity(limit - head.len())).await;
            head.extend_from_slice(&piece);
            if !more {
                break;
            }
        }
        head
    }

    /// Reads the next piece into `buffer`, which is emptied first; `None` at the end.
    pub async fn next(&mut self, mut buffer: Vec<u8>) -> Option<Vec<u8>> {
        buffer.clear();
        buffer.reserve(limits::STREAM_BUFFER);
        let (buffer, more) = self.read(buffer).await;
        more.then_some(buffer)
    }

    /// Waits for the word after the last byte; `false` if the body was cut off. To be asked once, and
    /// only after the end.
    pub async fn ended_well(&mut self) -> bool {
        self.source.ended_well().await
    }

    /// Reads all of a body of at most `limit` bytes.
    pub async fn collect(mut self, limit: usize) -> Result<Vec<u8>, BodyError> {
        let mut bytes = Vec::new();
        let mut buffer = Vec::new();
        while let Some(piece) = self.next(buffer).await {
            if bytes.len() + piece.len() > limit {
                return Err(BodyError::TooLong);
            }
            bytes.extend_from_slice(&piece);
            buffer = piece;
        }
        if self.ended_well().await {
            Ok(bytes)
        } else {
            Err(BodyError::Cut)
        }
    }

    /// Takes some more of the body behind the answer's back, and drops it. Not of one that the client
    /// holds back until it is asked for (`Expect: 100-continue`): reading would ask.
    pub fn drain(mut self, drain: Drain) {
        if self.held_back {
            return;
        }
        spawn(async move {
            let taken = async {
                let mut left = drain.bytes;
                let mut buffer = Vec::new();
                while let Some(piece) = self.next(buffer).await {
                    left = left.saturating_sub(u64::try_from(piece.len()).unwrap_or(u64::MAX));
                    if left == 0 {
                        break;
                    }
                    buffer = piece;
                }
            };
            let _ = time_limit(drain.time, taken).await;
        });
    }
}
