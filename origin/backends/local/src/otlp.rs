//! The collector of traces (OTLP over HTTP).

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use sluicegate_core::error::PortError;
use sluicegate_otlp::Collector;

use crate::service::{InvalidAddress, below, parse_base};

const SERVICE: &str = "trace collector";
const TIMEOUT: Duration = Duration::from_secs(5);

/// Takes spans: `POST {url}/v1/traces`. Each call is tried once and takes at most 5 s; what was not taken is the
/// caller's to give up.
pub struct TraceCollector {
    client: Client,
    traces: Url,
    headers: HeaderMap,
}

impl TraceCollector {
    /// The collector at `url`, told these headers each time. Headers that cannot be sent are refused like addresses.
    pub fn new(
        client: Client,
        url: &str,
        headers: &[(String, String)],
    ) -> Result<Self, InvalidAddress> {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().map_err(|_| InvalidAddress)?;
            let mut value: HeaderValue = value.parse().map_err(|_| InvalidAddress)?;
            value.set_sensitive(true);
            all.insert(name, value);
        }
        Ok(Self {
            client,
            traces: below(&parse_base(url)?, "/v1/traces"),
            headers: all,
        })
    }
}

impl Collector for TraceCollector {
    type Error = PortError;

    /// The answer's body is not read.
    async fn send(&self, json: Vec<u8>) -> Result<(), PortError> {
        let request = self
            .client
            .post(self.traces.clone())
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, "application/json")
            .timeout(TIMEOUT)
            .body(json);
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(PortError::unavailable(
                SERVICE,
                format!("answered {}", answer.status()),
            )),
            Err(error) => Err(PortError::unavailable(SERVICE, error.without_url())),
        }
    }
}
