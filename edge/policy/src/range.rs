//! `Range` (RFC 9110, 14): one range of bytes, or the whole.

/// What to send of a representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All of it: no range, several, or one that cannot be read.
    Whole,
    /// From `first` to `last`, both included and both inside.
    Part {
        /// Offset of the first byte.
        first: u64,
        /// Offset of the last byte.
        last: u64,
    },
    /// The range lies outside.
    Unsatisfiable,
}

impl Selection {
    /// The `Range` header to send on.
    pub fn to_range(self) -> Option<String> {
        match self {
            Self::Part { first, last } => Some(format!("bytes={first}-{last}")),
            Self::Whole | Self::Unsatisfiable => None,
        }
    }

    /// Bytes selected of `length`.
    pub fn len(self, length: u64) -> u64 {
        match self {
            Self::Whole => length,
            Self::Part { first, last } => last - first + 1,
            Self::Unsatisfiable => 0,
        }
    }
}

/// Reads a `Range` header against a representation of `length` bytes.
pub fn select(range: Option<&str>, length: u64) -> Selection {
    match range.and_then(parse) {
        None => Selection::Whole,
        Some(Spec::From(first)) if first < length => Selection::Part {
            first,
            last: length - 1,
        },
        Some(Spec::Between(first, last)) if first < length => Selection::Part {
            first,
            last: last.min(length - 1),
        },
        Some(Spec::Suffix(bytes)) if bytes > 0 && length > 0 => Selection::Part {
            first: length.saturating_sub(bytes),
            last: length - 1,
        },
        Some(_) => Selection::Unsatisfiable,
    }
}

enum Spec {
    From(u64),
    Between(u64, u64),
    Suffix(u64),
}

fn parse(range: &str) -> Option<Spec> {
    let (unit, set) = range.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    match (first, last) {
        ("", last) => number(last).map(Spec::Suffix),
        (first, "") => number(first).map(Spec::From),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::Between(first, last))
        }
    }
}

/// Digits only; a number too large for us is larger than any file.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_range_is_read_as_the_standard_says() {
        let part = |first, last| Selection::Part { first, last };
        let cases = [
            ("bytes=0-0", part(0, 0)),
            ("bytes=2-5", part(2, 5)),
            ("bytes=2-", part(2, 9)),
            ("bytes=2-99", part(2, 9)),
            ("bytes=-3", part(7, 9)),
            ("bytes=-99", part(0, 9)),
            ("Bytes=9-99999999999999999999999", part(9, 9)),
            ("bytes=10-", Selection::Unsatisfiable),
            ("bytes=10-12", Selection::Unsatisfiable),
            ("bytes=-0", Selection::Unsatisfiable),
        ];
        for (range, expected) in cases {
            assert_eq!(select(Some(range), 10), expected, "{range}");
        }
        assert_eq!(select(Some("bytes=0-"), 0), Selection::Unsatisfiable);
    }

    #[test]
    fn what_cannot_be_read_is_no_range() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=0-1,3-4",
            "items=0-1",
            "bytes=+1-2",
            "bytes=1-2-3",
            "bytes= 1 - 2",
        ] {
            assert_eq!(select(Some(range), 10), Selection::Whole, "{range}");
        }
        assert_eq!(select(None, 10), Selection::Whole);
    }

    proptest! {
        #[test]
        fn a_part_lies_inside(range in "bytes=[0-9]{0,21}-[0-9]{0,21}", length in 0u64..1_000) {
            if let Selection::Part { first, last } = select(Some(&range), length) {
                prop_assert!(first <= last && last < length);
            }
        }
    }
}
