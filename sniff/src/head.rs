use crate::{HEAD, Refusal};

/// Why an inspection ends without a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    NeedMore,
    /// What is asked for exists, but no head ever holds it.
    BeyondHead,
    Refused(Refusal),
}

impl Stop {
    pub(crate) const BROKEN: Self = Self::Refused(Refusal::Broken);
    pub(crate) const UNSUPPORTED: Self = Self::Refused(Refusal::Unsupported);
}

/// The beginning of a file. What a read answers depends on the file alone, never on how much of it
/// is here, save for `NeedMore`: so a longer head never changes an answer.
pub(crate) struct Head<'a> {
    bytes: &'a [u8],
    total: u64,
}

impl<'a> Head<'a> {
    pub(crate) fn new(bytes: &'a [u8], total: u64) -> Self {
        let whole = usize::try_from(total).unwrap_or(usize::MAX);
        Self {
            bytes: bytes.get(..whole.min(HEAD)).unwrap_or(bytes),
            total,
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Whether the file starts so (`None` in the pattern fits any byte); `None` if more bytes are needed to tell.
    pub(crate) fn starts_with(&self, pattern: &[Option<u8>]) -> Option<bool> {
        let fits = self
            .bytes
            .iter()
            .zip(pattern)
            .all(|(byte, wanted)| wanted.is_none_or(|wanted| wanted == *byte));
        let too_short = u64::try_from(pattern.len()).is_ok_and(|length| length > self.total);
        if !fits || too_short {
            return Some(false);
        }
        (self.bytes.len() >= pattern.len()).then_some(true)
    }

    /// The `N` bytes at `at`. Past the end of the file is broken.
    pub(crate) fn bytes<const N: usize>(&self, at: u64) -> Result<[u8; N], Stop> {
        let length = u64::try_from(N).map_err(|_| Stop::BROKEN)?;
        let end = at.checked_add(length).ok_or(Stop::BROKEN)?;
        if end > self.total {
            return Err(Stop::BROKEN);
        }
        let (Ok(at), Ok(end)) = (usize::try_from(at), usize::try_from(end)) else {
            return Err(Stop::BeyondHead);
        };
        if end > HEAD {
            return Err(Stop::BeyondHead);
        }
        let found = self.bytes.get(at..end).ok_or(Stop::NeedMore)?;
        found.try_into().map_err(|_| Stop::NeedMore)
    }

    /// Refuses a part that would end behind the file.
    pub(crate) fn holds(&self, end: u64) -> Result<(), Stop> {
        if end > self.total {
            Err(Stop::BROKEN)
        } else {
            Ok(())
        }
    }
}
