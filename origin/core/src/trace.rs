//! Spans of the origin's own, made with its randomness.

use sluicegate_contract::trace::SpanContext;

use crate::env::Env;

/// What is caused by `parent` if there is one, else the beginning of a trace.
pub fn caused_by(parent: Option<&SpanContext>, env: &Env) -> SpanContext {
    parent.map_or_else(
        || SpanContext::root(env.random()),
        |parent| parent.child(env.random()),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluicegate_contract::time::Timestamp;

    use super::*;
    use crate::env::{Clock, Entropy};

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_ms(0).expect("in range")
        }
    }

    impl Entropy for Still {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    #[test]
    fn a_trace_begins_or_goes_on() {
        let env = Env {
            clock: Arc::new(Still),
            entropy: Arc::new(Still),
        };
        let root = caused_by(None, &env);
        assert_eq!(root.trace_id(), "07".repeat(16));
        let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let sent = SpanContext::parse(sent).expect("well formed");
        let below = caused_by(Some(&sent), &env);
        assert_eq!(below.trace_id(), sent.trace_id());
        assert_eq!(below.span_id(), "07".repeat(8));
    }
}
