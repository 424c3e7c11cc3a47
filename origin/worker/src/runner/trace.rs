/// The trace id of a W3C `traceparent`; `None` if it is not one.
pub(super) fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_one = hex(version, 2) && hex(trace, 32) && parts.next().is_some_and(|id| hex(id, 16));
    is_one.then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_taken_from_a_traceparent_only() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        let traceparent = format!("00-{id}-b7ad6b7169203331-01");
        assert_eq!(trace_id(&traceparent), Some(id));
        for bad in [
            "",
            "00",
            "00-x-y-01",
            &traceparent.to_uppercase(),
            &traceparent[..40],
        ] {
            assert_eq!(trace_id(bad), None, "{bad}");
        }
    }
}
