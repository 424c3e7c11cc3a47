//! Who is told of what happens, to count it. Deciding anything by it would be a rule, and is not for here.

use crate::moderation::Record;

/// Counts. Never fails, never waits.
pub trait Observer: Send + Sync {
    /// A verdict was committed. A repeated attempt of the same job may tell it again.
    fn verdict(&self, record: &Record);

    /// `job` of the maintenance queue did away with `count` of `what`; also told when there were none. Both are words of
    /// ours.
    fn swept(&self, job: &'static str, what: &'static str, count: u64);

    /// A request was refused because whoever asked was faster than this limit, a word of ours.
    fn limited(&self, limit: &'static str);

    /// A stranger was shown what was kept, or what was then read and may be kept.
    fn kept(&self, found: bool);
}

/// Nobody is told.
impl Observer for () {
    fn verdict(&self, _: &Record) {}

    fn swept(&self, _: &'static str, _: &'static str, _: u64) {}

    fn limited(&self, _: &'static str) {}

    fn kept(&self, _: bool) {}
}
