//! Bodies, as streams of bytes with a word at their end.

use spin_sdk::wasip3::http::types::{ErrorCode, Trailers};
use spin_sdk::wasip3::wit_bindgen::{
    FutureReader, FutureWriter, StreamReader, StreamResult, StreamWriter,
};
use spin_sdk::wasip3::{wit_future, wit_stream};

pub(super) type Ending = Result<Option<Trailers>, ErrorCode>;
type Taken = Result<(), ErrorCode>;

/// A body that somebody else writes.
pub struct Source {
    /// Gone at the end: to read once more would be a trap.
    stream: Option<StreamReader<u8>>,
    ending: Option<FutureReader<Ending>>,
    /// Held while the body is read: its end tells the host that we are done.
    _done: Option<FutureWriter<Taken>>,
}

impl Source {
    pub(super) fn new(
        stream: StreamReader<u8>,
        ending: FutureReader<Ending>,
        done: Option<FutureWriter<Taken>>,
    ) -> Self {
        Self {
            stream: Some(stream),
            ending: Some(ending),
            _done: done,
        }
    }

    /// A body that is not there. It costs no call of the host's.
    pub(super) fn empty() -> Self {
        Self {
            stream: None,
            ending: None,
            _done: None,
        }
    }

    /// Reads once, behind what `buffer` holds, at most up to its capacity. `false` at the end.
    pub async fn read(&mut self, buffer: Vec<u8>) -> (Vec<u8>, bool) {
        let Some(stream) = &mut self.stream else {
            return (buffer, false);
        };
        let (result, buffer) = stream.read(buffer).await;
        let more = matches!(result, StreamResult::Complete(_));
        if !more {
            self.stream = None;
        }
        (buffer, more)
    }

    /// Waits for the word after the last byte; `false` if the body was cut off. To be asked once, and
    /// only when [`Source::read`] has come to the end.
    pub async fn ended_well(&mut self) -> bool {
        match self.ending.take() {
            Some(ending) => ending.await.is_ok(),
            None => false,
        }
    }

    pub(super) fn into_parts(self) -> (Option<StreamReader<u8>>, FutureReader<Ending>) {
        (self.stream, self.ending.unwrap_or_else(nothing))
    }
}

/// The writing end of a body of ours. Dropped before [`Sink::finish`], it tells the reader that the
/// body is incomplete.
pub struct Sink {
    stream: StreamWriter<u8>,
    ending: FutureWriter<Ending>,
}

/// The reader has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkClosed;

/// Both ends of a body.
pub fn pipe() -> (Sink, Source) {
    let (writer, reader) = wit_stream::new();
    let (ending, ended) = wit_future::new(incomplete);
    (
        Sink {
            stream: writer,
            ending,
        },
        Source::new(reader, ended, None),
    )
}

fn incomplete() -> Ending {
    Err(ErrorCode::InternalError(Some(
        "the body ended before its time".to_owned(),
    )))
}

impl Sink {
    /// Writes all of `bytes`; gives the emptied buffer back.
    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, SinkClosed> {
        let rest = self.stream.write_all(bytes).await;
        if rest.is_empty() {
            Ok(rest)
        } else {
            Err(SinkClosed)
        }
    }

    /// The body is complete.
    pub async fn finish(self) {
        drop(self.stream);
        // A reader that has gone by now has its reasons, and the answer tells them.
        let _ = self.ending.write(Ok(None)).await;
    }

    /// The body is not, and will never be complete. Said before the stream ends, so that no reader
    /// takes its end for the body's.
    pub async fn abort(self) {
        let _ = self.ending.write(incomplete()).await;
        drop(self.stream);
    }
}

/// The ending of a body that was never begun.
pub(super) fn nothing() -> FutureReader<Ending> {
    let (_, ended) = wit_future::new(|| Ok(None));
    ended
}

/// The word by which the host learns that a body was taken.
pub(super) fn taken() -> (FutureWriter<Taken>, FutureReader<Taken>) {
    wit_future::new(|| Ok(()))
}
