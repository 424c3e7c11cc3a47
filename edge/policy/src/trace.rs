//! Names of requests: `x-request-id` and W3C trace context.

use std::fmt::Write as _;

use sluicegate_contract::headers::{REQUEST_ID, TRACEPARENT};
use sluicegate_contract::trace::{self, SpanContext};

use crate::headers::{HeaderList, single};

/// The longest request id that is taken over from a client.
const REQUEST_ID_BYTES: usize = 64;
/// How many random bytes [`Trace::of`] needs.
pub const FRESH_BYTES: usize = ID_BYTES + trace::FRESH_BYTES;
const ID_BYTES: usize = 16;

/// What names one request in logs, problems and traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The client's if it is plain, else a new one.
    pub request_id: String,
    /// The client's if it is well-formed, else a new one.
    pub traceparent: String,
    /// Whether the client's `tracestate` still belongs to `traceparent`.
    pub continues: bool,
}

impl Trace {
    /// Takes over what the client sent and makes the rest from random bytes.
    pub fn of(headers: &HeaderList, fresh: &[u8; FRESH_BYTES]) -> Self {
        let (id, rest) = fresh.split_at(ID_BYTES);
        let request_id = single(headers, REQUEST_ID)
            .filter(|sent| is_request_id(sent))
            .map_or_else(|| hex(id), str::to_owned);
        let sent = single(headers, TRACEPARENT).filter(|sent| SpanContext::parse(sent).is_some());
        let continues = sent.is_some();
        let mut names = [0; trace::FRESH_BYTES];
        names.copy_from_slice(rest);
        let traceparent = sent.map_or_else(|| SpanContext::root(names).to_string(), str::to_owned);
        Self {
            request_id,
            traceparent,
            continues,
        }
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn is_request_id(text: &str) -> bool {
    (1..=REQUEST_ID_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn sent(name: &str, value: &str) -> HeaderList {
        vec![(name.into(), value.into())]
    }

    #[test]
    fn what_is_well_formed_is_kept() {
        let mut headers = sent("traceparent", GOOD);
        headers.push(("x-request-id".into(), "abc_DEF-123".into()));
        let trace = Trace::of(&headers, &[7; FRESH_BYTES]);
        assert_eq!(trace.traceparent, GOOD);
        assert_eq!(trace.request_id, "abc_DEF-123");
        assert!(trace.continues);
    }

    #[test]
    fn what_is_not_is_replaced() {
        let bad = [
            "",
            "x",
            &GOOD.to_uppercase(),
            &GOOD.replace("00-", "01-"),
            &format!("{GOOD}-00"),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        ];
        for value in bad {
            let trace = Trace::of(&sent("traceparent", value), &[7; FRESH_BYTES]);
            assert!(!trace.continues, "{value}");
            assert!(SpanContext::parse(&trace.traceparent).is_some());
        }
        for value in ["", "a b", "a\nb", &"a".repeat(65), "ä"] {
            let trace = Trace::of(&sent("x-request-id", value), &[7; FRESH_BYTES]);
            assert_eq!(trace.request_id, "07".repeat(16), "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_comes_out_is_well_formed(value in "\\PC{0,70}", fresh: [u8; 32]) {
            let mut random = [0; FRESH_BYTES];
            random[..32].copy_from_slice(&fresh);
            for name in ["traceparent", "x-request-id"] {
                let trace = Trace::of(&sent(name, &value), &random);
                prop_assert!(SpanContext::parse(&trace.traceparent).is_some());
                prop_assert!(is_request_id(&trace.request_id));
            }
        }
    }
}
