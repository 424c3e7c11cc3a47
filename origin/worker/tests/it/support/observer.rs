#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;
use std::sync::Mutex;

use sluicegate_core::moderation::Record;
use sluicegate_core::observe::{Kept, Observer};

/// Adds up what it is told.
#[derive(Default)]
pub(crate) struct Counting {
    swept: Mutex<HashMap<(&'static str, &'static str), u64>>,
}

impl Counting {
    /// How much of `what` a job of the maintenance queue did away with; nothing where it never told.
    pub(crate) fn swept(&self, job: &'static str, what: &'static str) -> Option<u64> {
        self.swept.lock().unwrap().get(&(job, what)).copied()
    }
}

impl Observer for Counting {
    fn verdict(&self, _: &Record) {}

    fn swept(&self, job: &'static str, what: &'static str, count: u64) {
        *self.swept.lock().unwrap().entry((job, what)).or_default() += count;
    }

    fn limited(&self, _: &'static str) {}

    fn kept(&self, _: Kept) {}
}
