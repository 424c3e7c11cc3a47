//! Waking those who wait, inside one process.
//!
//! A wake-up is a hint and may be lost: whoever waits also looks again after a while. It is sent
//! after commit, never within the transaction of the data.

use std::sync::Arc;

use sluicegate_contract::ids::UploadId;
use tokio::sync::broadcast;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wake {
    /// A queue has new ready jobs.
    Jobs(&'static str),
    /// An upload changed.
    Upload(UploadId),
}

/// Hands hints to all who listen. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Waker {
    sender: Arc<broadcast::Sender<Wake>>,
}

impl Waker {
    /// One that nobody listens to yet. A listener that is slow loses the oldest of 1,024 hints.
    pub fn new() -> Self {
        Self {
            sender: Arc::new(broadcast::channel(1_024).0),
        }
    }

    /// Tells everybody who listens now.
    pub fn wake(&self, what: Wake) {
        // No listener is no error: nobody waits.
        let _ = self.sender.send(what);
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Wake> {
        self.sender.subscribe()
    }
}

impl Default for Waker {
    fn default() -> Self {
        Self::new()
    }
}
