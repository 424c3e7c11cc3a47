//! From the client to the store, one piece at a time.

use sluicegate_guest::wasi::Sink;

use crate::payload::{Cut, Payload, length};
use crate::progress::{Progress, Waiting};

/// Writes `head` and the rest of `file`, `total` bytes in all.
///
/// The last piece is held back until the client's body has ended as declared, and as a form must. So whatever
/// happens before that, the store never has all the bytes of an upload that was not whole.
pub(crate) async fn pump(
    mut sink: Sink,
    head: Vec<u8>,
    file: &mut Payload<'_>,
    total: u64,
    progress: &Progress,
) -> Result<(), Cut> {
    let mut read = length(&head);
    let mut pending = head;
    let mut spare = Vec::new();
    let ended = loop {
        progress.wait_for(Waiting::Client);
        let piece = match file.next(spare).await {
            Ok(Some(piece)) => piece,
            Ok(None) => break file.end().await,
            Err(cut) => break Err(cut),
        };
        read = read.saturating_add(length(&piece));
        if read > total {
            break Err(Cut::Long);
        }
        progress.wait_for(Waiting::Store);
        spare = sink.write(pending).await.map_err(|_| Cut::Refused)?;
        pending = piece;
    };
    let whole = if read == total {
        Ok(())
    } else {
        Err(Cut::Short)
    };
    if let Err(cut) = ended.and(whole) {
        sink.abort().await;
        return Err(cut);
    }
    progress.wait_for(Waiting::Store);
    sink.write(pending).await.map_err(|_| Cut::Refused)?;
    sink.finish().await;
    progress.wait_for(Waiting::Store);
    Ok(())
}
