//! From the client to the store, one piece at a time.

use sluicegate_guest::Body;
use sluicegate_guest::wasi::Sink;

use crate::progress::{Progress, Waiting};

/// Why a body did not get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The client sent less than it declared, or went away.
    Short,
    /// It sent more.
    Long,
    /// The store takes no more.
    Refused,
}

/// Writes `head` and the rest of `body`, `total` bytes in all.
///
/// The last piece is pending back until the client's body has ended as declared. So whatever happens before
/// that, the store never has all the bytes of an upload that was not whole.
pub(crate) async fn pump(
    mut sink: Sink,
    head: Vec<u8>,
    body: &mut Body,
    total: u64,
    progress: &Progress,
) -> Result<(), Cut> {
    let mut read = length(&head);
    let mut pending = head;
    let mut spare = Vec::new();
    loop {
        progress.wait_for(Waiting::Client);
        let Some(piece) = body.next(spare).await else {
            break;
        };
        read = read.saturating_add(length(&piece));
        if read > total {
            sink.abort().await;
            return Err(Cut::Long);
        }
        progress.wait_for(Waiting::Store);
        spare = sink.write(pending).await.map_err(|_| Cut::Refused)?;
        pending = piece;
    }
    if read != total || !body.ended_well().await {
        sink.abort().await;
        return Err(Cut::Short);
    }
    progress.wait_for(Waiting::Store);
    sink.write(pending).await.map_err(|_| Cut::Refused)?;
    sink.finish().await;
    progress.wait_for(Waiting::Store);
    Ok(())
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
