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

    /// A stranger was shown something that may be kept.
    fn kept(&self, from: Kept);
}

/// Where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It was kept.
    Hit,
    /// Somebody else was reading it.
    Joined,
    /// It was read.
    Miss,
}

impl Kept {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Hit, Self::Joined, Self::Miss];

    /// A word of ours.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Joined => "joined",
            Self::Miss => "miss",
        }
    }
}

/// Nobody is told.
impl Observer for () {
    fn verdict(&self, _: &Record) {}

    fn swept(&self, _: &'static str, _: &'static str, _: u64) {}

    fn limited(&self, _: &'static str) {}

    fn kept(&self, _: Kept) {}
}
