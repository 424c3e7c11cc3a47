//! What OpenTelemetry's environment variables hold.

/// `OTEL_EXPORTER_OTLP_HEADERS` is not a list of `name=value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidHeaders;

impl std::error::Error for InvalidHeaders {}

impl std::fmt::Display for InvalidHeaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("must be header=value, further ones after commas")
    }
}

/// Reads `OTEL_EXPORTER_OTLP_HEADERS`: `name=value` pairs, separated by commas. Whether names and values can be sent is
/// for whoever sends them to see.
pub fn headers(text: &str) -> Result<Vec<(String, String)>, InvalidHeaders> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').ok_or(InvalidHeaders)?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    text.split(',').map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_separated_by_commas() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let read = headers("x-key=a=b, authorization = Bearer c");
        let expected = vec![pair("x-key", "a=b"), pair("authorization", "Bearer c")];
        assert_eq!(read, Ok(expected));
        assert_eq!(headers("x-key"), Err(InvalidHeaders));
        assert_eq!(headers(""), Err(InvalidHeaders));
    }
}
