use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use serde_json::json;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{Purge, PurgeHook};

use crate::service::{InvalidAddress, host, parse_base};

const WHAT: &str = "purge hook";

/// How long a hook may take.
#[derive(Debug, Clone, Copy)]
pub struct PurgeLimits {
    /// For one call. There are no quick retries: the job that calls is tried again with growing pauses.
    pub timeout: Duration,
}

impl Default for PurgeLimits {
    /// 10 s.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
        }
    }
}

/// A hook behind HTTP (`PURGE_HOOK_URL`): `POST {url}` with `{"key": "….webp", "path": "/media/….webp"}`, and
/// `Idempotency-Key`, which is the same for each attempt at one removal. Any answer of 200 to 299 counts as taken
/// on; its body is not read. `HEAD {url}` says whether anybody is there.
pub struct HttpPurgeHook {
    name: String,
    url: Url,
    key: Option<HeaderValue>,
    client: Client,
    limits: PurgeLimits,
}

impl HttpPurgeHook {
    /// Calls `url`, with `Authorization: Bearer {key}` if there is a key.
    pub fn new(
        url: &str,
        key: Option<&str>,
        client: Client,
        limits: PurgeLimits,
    ) -> Result<Self, InvalidAddress> {
        let url = parse_base(url)?;
        let bearer = |key| {
            let mut value = HeaderValue::try_from(format!("Bearer {key}"))?;
            value.set_sensitive(true);
            Ok::<_, reqwest::header::InvalidHeaderValue>(value)
        };
        Ok(Self {
            name: format!("http:{}", host(&url)),
            url,
            key: key.map(bearer).transpose().map_err(|_| InvalidAddress)?,
            client,
            limits,
        })
    }

    fn request(&self, method: Method) -> RequestBuilder {
        let request = self
            .client
            .request(method, self.url.clone())
            .timeout(self.limits.timeout);
        match &self.key {
            Some(key) => request.header(AUTHORIZATION, key.clone()),
            None => request,
        }
    }

    async fn status(&self, request: RequestBuilder) -> Result<StatusCode, PortError> {
        let answer = request.send().await;
        let answer = answer.map_err(|error| PortError::unavailable(WHAT, error.without_url()))?;
        Ok(answer.status())
    }
}

#[async_trait]
impl PurgeHook for HttpPurgeHook {
    fn name(&self) -> &str {
        &self.name
    }

    async fn purge(&self, purge: &Purge) -> Result<(), PortError> {
        let body = json!({ "key": purge.key, "path": purge.key.url() });
        let request = self
            .request(Method::POST)
            .header("idempotency-key", purge.id.to_string())
            .json(&body);
        let status = self.status(request).await?;
        let busy = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
        );
        if status.is_success() {
            Ok(())
        } else if busy || status.is_server_error() {
            Err(PortError::unavailable(WHAT, format!("answered {status}")))
        } else {
            Err(PortError::failed(WHAT, format!("answered {status}")))
        }
    }

    async fn ping(&self) -> Result<(), PortError> {
        let status = self.status(self.request(Method::HEAD)).await?;
        if status.is_server_error() {
            return Err(PortError::unavailable(WHAT, format!("answered {status}")));
        }
        Ok(())
    }
}
