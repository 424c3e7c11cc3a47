//! What one account may send in: tickets that are open at once, and pictures and bytes of the last 24 hours.

use std::time::Duration;

use sluicegate_contract::limits;
use sluicegate_contract::time::Timestamp;

/// How far back pictures and bytes are counted. It moves with the time: nobody waits for midnight, and nobody
/// gets twice as much around it.
pub const WINDOW: Duration = limits::QUOTA_WINDOW;

/// How much an account may have and send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Tickets that are open at once.
    pub open_tickets: u32,
    /// Pictures in [`WINDOW`].
    pub pictures: u32,
    /// Bytes of pictures in [`WINDOW`].
    pub bytes: u64,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            open_tickets: limits::OPEN_TICKETS,
            pictures: limits::PICTURES_A_DAY,
            bytes: limits::BYTES_A_DAY,
        }
    }
}

impl Quota {
    /// The first bound that another picture of `length` bytes would pass, if any.
    pub fn reached(&self, usage: &Usage, length: u64) -> Option<Bound> {
        if usage.open_tickets >= self.open_tickets {
            Some(Bound::OpenTickets)
        } else if usage.pictures >= self.pictures {
            Some(Bound::Pictures)
        } else if usage.bytes.saturating_add(length) > self.bytes {
            Some(Bound::Bytes)
        } else {
            None
        }
    }

    /// What is left of a bound.
    pub fn left(&self, usage: &Usage, bound: Bound) -> u64 {
        match bound {
            Bound::OpenTickets => self.open_tickets.saturating_sub(usage.open_tickets).into(),
            Bound::Pictures => self.pictures.saturating_sub(usage.pictures).into(),
            Bound::Bytes => self.bytes.saturating_sub(usage.bytes),
        }
    }

    /// The size of a bound.
    pub fn size(&self, bound: Bound) -> u64 {
        match bound {
            Bound::OpenTickets => self.open_tickets.into(),
            Bound::Pictures => self.pictures.into(),
            Bound::Bytes => self.bytes,
        }
    }
}

/// How much of a quota is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tickets that are open.
    pub open_tickets: u32,
    /// Pictures of [`WINDOW`], those that open tickets are for among them.
    pub pictures: u32,
    /// Their bytes.
    pub bytes: u64,
}

impl Usage {
    /// With one more open ticket of that many bytes.
    #[must_use]
    pub fn with(self, length: u64) -> Self {
        Self {
            open_tickets: self.open_tickets.saturating_add(1),
            pictures: self.pictures.saturating_add(1),
            bytes: self.bytes.saturating_add(length),
        }
    }
}

/// What a quota bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Tickets that are open at once.
    OpenTickets,
    /// Pictures in [`WINDOW`].
    Pictures,
    /// Bytes in [`WINDOW`].
    Bytes,
}

impl Bound {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OpenTickets, Self::Pictures, Self::Bytes];

    /// The name in problems and headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenTickets => "open-tickets",
            Self::Pictures => "pictures-a-day",
            Self::Bytes => "bytes-a-day",
        }
    }
}

/// A ticket that was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaReached {
    /// Which bound it would have passed.
    pub bound: Bound,
    /// What was used.
    pub usage: Usage,
    /// When the same ticket can be given at the soonest: if nothing else is asked for, and open tickets run
    /// out.
    pub retry_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_is_reached_by_itself() {
        let quota = Quota {
            open_tickets: 2,
            pictures: 3,
            bytes: 100,
        };
        let usage = |open_tickets, pictures, bytes| Usage {
            open_tickets,
            pictures,
            bytes,
        };
        assert_eq!(quota.reached(&usage(1, 2, 90), 10), None);
        assert_eq!(quota.reached(&usage(2, 2, 0), 1), Some(Bound::OpenTickets));
        assert_eq!(quota.reached(&usage(1, 3, 0), 1), Some(Bound::Pictures));
        assert_eq!(quota.reached(&usage(1, 2, 91), 10), Some(Bound::Bytes));
        assert_eq!(quota.left(&usage(3, 3, 40).with(10), Bound::Bytes), 50);
        assert_eq!(quota.left(&usage(3, 3, 40), Bound::OpenTickets), 0);
    }
}
