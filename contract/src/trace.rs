//! W3C Trace Context (Recommendation of 2021-11-23): what ties together the work that one request causes, in several
//! processes.
//!
//! Ids are ours whether or not anybody collects spans: they stand in logs, and a job carries them on.

use std::fmt;

/// Random bytes that the first span of a trace needs: 16 for the trace, 8 for the span.
pub const FRESH_BYTES: usize = 24;

/// One span of a trace: the work that a request or a job is, for whoever it causes to name as its parent.
/// Neither id is ever zero, the one value that is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanContext {
    trace: u128,
    span: u64,
    /// Whether spans of this trace are wanted by whoever began it.
    pub sampled: bool,
}

impl SpanContext {
    /// A well-formed `traceparent` of version 00; what other versions append is not known here.
    #[must_use]
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let version = parts.next()?;
        let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
        if version != "00" || parts.next().is_some() {
            return None;
        }
        let flags = hex(flags, 2)?;
        let context = Self {
            trace: hex(trace, 32)?,
            span: u64::try_from(hex(span, 16)?).ok()?,
            sampled: flags & 1 == 1,
        };
        (context.trace != 0 && context.span != 0).then_some(context)
    }

    /// The first span of a new trace, from random bytes.
    #[must_use]
    pub fn root(fresh: [u8; FRESH_BYTES]) -> Self {
        let wide = fresh.iter().take(16);
        let trace = wide.fold(0, |id, byte| id << 8 | u128::from(*byte));
        let narrow = fresh.iter().skip(16);
        let span = narrow.fold(0, |id, byte| id << 8 | u64::from(*byte));
        Self {
            trace: trace.max(1),
            span: span.max(1),
            sampled: true,
        }
    }

    /// A new span below this one, from random bytes.
    #[must_use]
    pub fn child(&self, fresh: [u8; 8]) -> Self {
        Self {
            span: u64::from_be_bytes(fresh).max(1),
            ..*self
        }
    }

    /// The low half of the trace's id, by which those who sample agree on the same traces.
    #[must_use]
    pub fn low_half(&self) -> u64 {
        u64::try_from(self.trace & u128::from(u64::MAX)).unwrap_or_default()
    }

    /// 32 lower-case hex digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// 16 lower-case hex digits.
    #[must_use]
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span)
    }
}

/// As `traceparent` is written.
impl fmt::Display for SpanContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace, self.span)
    }
}

/// A number of exactly so many lower-case hex digits, 32 at most.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (text.len() == digits && text.bytes().all(is_lower))
        .then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn only_well_formed_ones_are_read() {
        let parsed = SpanContext::parse(GOOD).unwrap();
        assert_eq!(parsed.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parsed.span_id(), "00f067aa0ba902b7");
        assert_eq!(parsed.low_half(), 0xa3ce_929d_0e0e_4736);
        assert!(parsed.sampled);
        assert_eq!(parsed.to_string(), GOOD);
        for bad in [
            "",
            "00",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(SpanContext::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_child_stays_in_the_trace() {
        let parent = SpanContext::parse(GOOD).unwrap();
        let child = parent.child([7; 8]);
        assert_eq!(child.trace_id(), parent.trace_id());
        assert_eq!(child.span_id(), "0707070707070707");
        let unwanted = SpanContext::parse(&GOOD.replace("-01", "-00")).unwrap();
        assert!(!unwanted.child([7; 8]).sampled);
    }

    proptest! {
        #[test]
        fn what_is_made_can_be_read(fresh: [u8; FRESH_BYTES], below: [u8; 8]) {
            for context in [SpanContext::root(fresh), SpanContext::root(fresh).child(below), SpanContext::root([0; FRESH_BYTES])] {
                prop_assert_eq!(SpanContext::parse(&context.to_string()), Some(context));
            }
        }
    }
}
