//! W3C Trace Context: what ties together the work that one request causes, in several processes.
//!
//! Ids are ours whether or not anybody collects spans: they stand in logs, and a job carries them on.

use std::fmt;

use crate::env::Env;

/// One span of a trace: the work that a request or a job is, for whoever it causes to name as its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanContext {
    trace: [u8; 16],
    span: [u8; 8],
    /// Whether spans of this trace are wanted by whoever began it.
    pub sampled: bool,
}

impl SpanContext {
    /// A well-formed `traceparent` of version 00; what other versions append is not known here.
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let version = parts.next()?;
        let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
        if version != "00" || parts.next().is_some() {
            return None;
        }
        let [flags] = bytes::<1>(flags)?;
        let context = Self {
            trace: bytes(trace)?,
            span: bytes(span)?,
            sampled: flags & 1 == 1,
        };
        let is_one = context.trace != [0; 16] && context.span != [0; 8];
        is_one.then_some(context)
    }

    /// The first span of a new trace.
    pub fn root(env: &Env) -> Self {
        Self {
            // All zeros is the one value that is no id.
            trace: match env.random() {
                zeros if zeros == [0; 16] => [1; 16],
                trace => trace,
            },
            span: span_id(env),
            sampled: true,
        }
    }

    /// A new span below this one.
    #[must_use]
    pub fn child(&self, env: &Env) -> Self {
        Self {
            span: span_id(env),
            ..*self
        }
    }

    /// What is caused by `traceparent` if that is one, else the beginning of a trace.
    pub fn caused_by(traceparent: Option<&Self>, env: &Env) -> Self {
        traceparent.map_or_else(|| Self::root(env), |parent| parent.child(env))
    }

    /// 32 lower-case hex digits.
    pub fn trace_id(&self) -> String {
        hex::encode(self.trace)
    }

    /// 16 lower-case hex digits.
    pub fn span_id(&self) -> String {
        hex::encode(self.span)
    }
}

/// As `traceparent` is written.
impl fmt::Display for SpanContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(f, "00-{}-{}-{flags:02x}", self.trace_id(), self.span_id())
    }
}

/// A fresh id of a span.
pub fn span_id(env: &Env) -> [u8; 8] {
    match env.random() {
        zeros if zeros == [0; 8] => [1; 8],
        span => span,
    }
}

/// Lower-case hex of exactly `N` bytes.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let is_lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if !text.bytes().all(is_lower) {
        return None;
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluicegate_contract::time::Timestamp;

    use super::*;
    use crate::env::{Clock, Entropy};

    struct Still(u8);

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_ms(0).expect("in range")
        }
    }

    impl Entropy for Still {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    fn env(byte: u8) -> Env {
        Env {
            clock: Arc::new(Still(byte)),
            entropy: Arc::new(Still(byte)),
        }
    }

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn only_well_formed_ones_are_read() {
        let parsed = SpanContext::parse(GOOD).expect("well formed");
        assert_eq!(parsed.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parsed.span_id(), "00f067aa0ba902b7");
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
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(SpanContext::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_child_stays_in_the_trace() {
        let parent = SpanContext::parse(GOOD).expect("well formed");
        let child = SpanContext::caused_by(Some(&parent), &env(7));
        assert_eq!(child.trace_id(), parent.trace_id());
        assert_eq!(child.span_id(), "0707070707070707");
        let unwanted = SpanContext::parse(&GOOD.replace("-01", "-00")).expect("well formed");
        assert!(!unwanted.child(&env(7)).sampled);
    }

    #[test]
    fn ids_are_never_all_zeros() {
        let root = SpanContext::caused_by(None, &env(0));
        assert_eq!(SpanContext::parse(&root.to_string()), Some(root));
    }
}
