//! The collector of traces, over plain HTTP like everything that the host sends.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sluicegate_otlp::Collector;

const TIMEOUT: Duration = Duration::from_secs(5);
const PATH: &str = "/v1/traces";

/// Reads `OTEL_EXPORTER_OTLP_ENDPOINT`; nothing means no collector.
pub(super) fn endpoint(text: &str) -> Result<Option<Uri>, String> {
    let text = text.trim().trim_end_matches('/');
    if text.is_empty() {
        return Ok(None);
    }
    let uri: Uri = format!("{text}{PATH}")
        .parse()
        .map_err(|_| "is not a URL")?;
    match uri.scheme_str() {
        Some("http") if uri.query().is_none() => Ok(Some(uri)),
        Some("https") => Err(
            "has the scheme https: this host sends plain http only, and TLS is terminated by \
             what stands in between"
                .to_owned(),
        ),
        _ => Err("must be http://<host>[:<port>][/<path>]".to_owned()),
    }
}

/// Reads `OTEL_EXPORTER_OTLP_HEADERS`.
pub(super) fn headers(text: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    if text.trim().is_empty() {
        return Ok(headers);
    }
    for (name, value) in sluicegate_otlp::headers(text).map_err(|error| error.to_string())? {
        let name = HeaderName::try_from(name).map_err(|_| "has a name that is no header's")?;
        let value = HeaderValue::try_from(value).map_err(|_| "has a value that cannot be sent")?;
        headers.insert(name, value);
    }
    Ok(headers)
}

pub(super) struct HttpCollector {
    client: Client<HttpConnector, Full<Bytes>>,
    traces: Uri,
    headers: HeaderMap,
}

impl HttpCollector {
    pub(super) fn new(traces: Uri, headers: HeaderMap) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(TIMEOUT));
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            traces,
            headers,
        }
    }

    async fn post(&self, json: Vec<u8>) -> Result<StatusCode, String> {
        let mut request = Request::new(Full::new(Bytes::from(json)));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.traces.clone();
        *request.headers_mut() = self.headers.clone();
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        let answer = self.client.request(request).await;
        answer
            .map(|answer| answer.status())
            .map_err(|error| error.to_string())
    }
}

impl Collector for HttpCollector {
    type Error = String;

    async fn send(&self, json: Vec<u8>) -> Result<(), String> {
        match tokio::time::timeout(TIMEOUT, self.post(json)).await {
            Ok(Ok(status)) if status.is_success() => Ok(()),
            Ok(Ok(status)) => Err(format!("the collector answered {status}")),
            Ok(Err(error)) => Err(format!("the collector cannot be reached: {error}")),
            Err(_) => Err("the collector is too slow".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_plain_http_or_nothing() {
        let read = |text| endpoint(text).map(|uri| uri.map(|uri| uri.to_string()));
        let traces = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(read("http://a:4318"), traces("http://a:4318/v1/traces"));
        assert_eq!(read("http://a/b/"), traces("http://a/b/v1/traces"));
        assert_eq!(read(" "), Ok(None));
        for bad in ["https://a", "a:4318", "grpc://a", "http://", "http://a?b"] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn headers_are_those_that_can_be_sent() {
        assert_eq!(headers("x-key=1").unwrap()["x-key"], "1");
        assert!(headers("").unwrap().is_empty());
        for bad in ["x", "a b=1", "a=\u{1}"] {
            assert!(headers(bad).is_err(), "{bad}");
        }
    }
}
