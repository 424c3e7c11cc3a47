//! Waiting for an upload to change: hints from the waker, and a look every second in case one was lost
//! or another process made the change.

use std::time::Duration;

use sluicegate_contract::ids::UploadId;
use sluicegate_core::error::PortError;
use sluicegate_core::upload::Upload;
use sluicegate_core::wake::Wake;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use crate::state::App;
use crate::views::Eyes;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whether nothing more will happen to it by itself.
pub(crate) fn is_settled(app: &App, upload: &Upload) -> bool {
    Eyes::anybody(app).upload(upload).is_settled()
}

/// The upload as soon as `enough` of it, else as it stands at `deadline` or when we are to stop. `None` if there is none.
pub(crate) async fn wait_until(
    app: &App,
    id: UploadId,
    deadline: Instant,
    enough: impl Fn(&Upload) -> bool + Send,
) -> Result<Option<Upload>, PortError> {
    // Before the first look, so that no change falls between.
    let mut hints = app.waker.listen();
    loop {
        let Some(upload) = app.uploads.upload(id).await? else {
            return Ok(None);
        };
        if enough(&upload) || Instant::now() >= deadline || app.shutdown.is_cancelled() {
            return Ok(Some(upload));
        }
        tokio::select! {
            () = hint(&mut hints, id, deadline) => {}
            () = app.shutdown.cancelled() => {}
        }
    }
}

/// Returns at a hint about this upload, after a while, or at the deadline.
pub(crate) async fn hint(hints: &mut Receiver<Wake>, id: UploadId, deadline: Instant) {
    let heard = async {
        loop {
            match hints.recv().await {
                Ok(Wake::Upload(changed)) if changed == id => return,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return,
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    };
    let until = deadline.min(Instant::now() + LOOK_EVERY);
    // Running out of time is as good as a hint: the caller looks.
    let _ = tokio::time::timeout_at(until, heard).await;
}
