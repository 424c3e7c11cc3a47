//! Who is told of what happens, to count it. Deciding anything by it would be a rule, and is not for here.

use crate::moderation::Record;

/// Counts. Never fails, never waits.
pub trait Observer: Send + Sync {
    /// A verdict was committed. A repeated attempt of the same job may tell it again.
    fn verdict(&self, record: &Record);
}

/// Nobody is told.
impl Observer for () {
    fn verdict(&self, _: &Record) {}
}
