use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use sluicegate_core::job::QUEUES;
use sluicegate_core::wake::Wake;

/// What came from other processes. The task that sends hears it on the same [`Waker`] as this process's
/// own hints and must not send it on, or two processes would wake each other for ever.
///
/// [`Waker`]: sluicegate_core::wake::Waker
#[derive(Default)]
pub(super) struct Foreign {
    pending: Mutex<HashMap<Wake, u32>>,
    /// The server process behind our sender; its notifications are our own.
    sender: AtomicU32,
}

impl Foreign {
    /// Notes a hint before it is given to the waker.
    pub(super) fn arrives(&self, hint: Wake) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        *pending.entry(hint).or_default() += 1;
    }

    /// Whether a hint that was heard came from elsewhere. Equal hints may stand for each other.
    pub(super) fn takes(&self, hint: Wake) -> bool {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = pending.get_mut(&hint) else {
            return false;
        };
        *count -= 1;
        if *count == 0 {
            pending.remove(&hint);
        }
        true
    }

    /// After hints were missed nobody knows which are still to come.
    pub(super) fn forget(&self) {
        self.pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(super) fn set_sender(&self, process: u32) {
        self.sender.store(process, Ordering::Relaxed);
    }

    pub(super) fn is_sender(&self, process: u32) -> bool {
        self.sender.load(Ordering::Relaxed) == process
    }
}

/// The longest payload that Postgres takes is 7,999 bytes.
pub(super) const PAYLOAD_BYTES: usize = 7_900;

/// One line a hint.
pub(super) fn encode(hint: Wake) -> String {
    match hint {
        Wake::Jobs(queue) => format!("jobs {queue}\n"),
        Wake::Upload(id) => format!("upload {id}\n"),
    }
}

/// What this version does not know is left out: a newer one may have sent it.
pub(super) fn decode(payload: &str) -> impl Iterator<Item = Wake> + '_ {
    payload
        .lines()
        .filter_map(|line| match line.split_once(' ')? {
            ("jobs", name) => QUEUES
                .into_iter()
                .find(|queue| *queue == name)
                .map(Wake::Jobs),
            ("upload", id) => id.parse().ok().map(Wake::Upload),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicegate_contract::ids::UploadId;
    use sluicegate_core::job::IMAGE_QUEUE;

    #[test]
    fn hints_survive_the_way() {
        let upload = Wake::Upload(UploadId(uuid::Uuid::from_u128(7)));
        let jobs = Wake::Jobs(IMAGE_QUEUE);
        let payload = format!(
            "{}future thing\njobs unknown\n{}",
            encode(upload),
            encode(jobs)
        );
        assert_eq!(decode(&payload).collect::<Vec<_>>(), [upload, jobs]);
    }

    #[test]
    fn foreign_hints_are_taken_once_each() {
        let foreign = Foreign::default();
        let hint = Wake::Jobs(IMAGE_QUEUE);
        assert!(!foreign.takes(hint));
        foreign.arrives(hint);
        foreign.arrives(hint);
        assert!(foreign.takes(hint) && foreign.takes(hint));
        assert!(!foreign.takes(hint));
    }
}
