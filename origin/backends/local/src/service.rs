//! How a service that judges is asked over HTTP: one deadline, a few quick retries, a circuit
//! breaker, an answer of bounded size. Nothing that goes wrong here is ever an answer.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;
use tokio::time;

use crate::breaker::{Breaker, Pass};

const RETRY_PAUSE: Duration = Duration::from_millis(100);
const PING_TIMEOUT: Duration = Duration::from_secs(3);

/// How much is asked of a service, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct ServiceLimits {
    /// For one question, its retries included.
    pub timeout: Duration,
    /// After failed connections and answers of 500 and above.
    pub retries: u32,
    /// So many failed questions in a row open the breaker.
    pub failures_to_open: u32,
    /// For so long no question is asked then.
    pub cool_down: Duration,
    /// The longest answer, in bytes.
    pub answer_bytes: usize,
}

impl ServiceLimits {
    /// For a detector: 10 s, 2 retries, 64 KiB.
    pub fn detector() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            retries: 2,
            failures_to_open: 5,
            cool_down: Duration::from_secs(10),
            answer_bytes: 64 * 1024,
        }
    }

    /// For a language model: 60 s, 2 retries, 64 KiB.
    pub fn model() -> Self {
        Self {
            timeout: Duration::from_mins(1),
            ..Self::detector()
        }
    }
}

/// The address of a service cannot be used; the message is for the operator and holds no secrets.
#[derive(Debug, thiserror::Error)]
#[error("must be an http or https URL without query and fragment")]
pub struct InvalidAddress;

/// A base URL, checked.
pub(crate) fn parse_base(text: &str) -> Result<Url, InvalidAddress> {
    let url = Url::parse(text).map_err(|_| InvalidAddress)?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.has_host();
    if plain { Ok(url) } else { Err(InvalidAddress) }
}

/// `path` under `base`.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

/// Host and port, for names: never user or password.
pub(crate) fn host(base: &Url) -> String {
    let host = base.host_str().unwrap_or_default();
    match base.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// One service.
pub(crate) struct Service {
    name: &'static str,
    client: Client,
    env: Env,
    limits: ServiceLimits,
    breaker: Breaker,
}

/// How one try went wrong.
struct Failure {
    error: PortError,
    /// A quick retry may help.
    again: bool,
    /// The service is alive, and minds this question only.
    alive: bool,
}

impl Service {
    pub(crate) fn new(name: &'static str, client: Client, env: Env, limits: ServiceLimits) -> Self {
        let breaker = Breaker::new(env.clock.clone(), limits.failures_to_open, limits.cool_down);
        Self {
            name,
            client,
            env,
            limits,
            breaker,
        }
    }

    /// Sends what `request` builds until it is answered with 200, and reads the answer with `parse`. An
    /// answer that cannot be read counts against the service.
    pub(crate) async fn ask<T>(
        &self,
        request: impl Fn(&Client) -> RequestBuilder + Send,
        parse: impl Fn(&[u8]) -> Result<T, String> + Send,
    ) -> Result<T, PortError> {
        let Some(pass) = self.breaker.pass() else {
            return Err(PortError::unavailable(
                self.name,
                "left alone after failures in a row",
            ));
        };
        let Ok(answer) = time::timeout(self.limits.timeout, self.tries(&request)).await else {
            pass.failed();
            return Err(PortError::unavailable(self.name, "no answer in time"));
        };
        match answer {
            Ok(bytes) => self.parsed(pass, parse(&bytes)),
            Err(failure) => {
                if failure.alive {
                    pass.succeeded();
                } else {
                    pass.failed();
                }
                Err(failure.error)
            }
        }
    }

    /// Whether a GET is answered with 200, breaker or not.
    pub(crate) async fn ping(&self, request: RequestBuilder) -> Result<(), PortError> {
        match request.timeout(PING_TIMEOUT).send().await {
            Ok(answer) if answer.status() == StatusCode::OK => Ok(()),
            Ok(answer) => Err(self.unavailable(format!("answered {}", answer.status()))),
            Err(error) => Err(self.unavailable(error.without_url())),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    fn parsed<T>(&self, pass: Pass<'_>, answer: Result<T, String>) -> Result<T, PortError> {
        match answer {
            Ok(answer) => {
                pass.succeeded();
                Ok(answer)
            }
            Err(problem) => {
                pass.failed();
                Err(PortError::failed(self.name, problem))
            }
        }
    }

    async fn tries(
        &self,
        request: &(impl Fn(&Client) -> RequestBuilder + Send),
    ) -> Result<Bytes, Failure> {
        let mut tried = 0;
        loop {
            match self.once(request(&self.client)).await {
                Err(failure) if failure.again && tried < self.limits.retries => {
                    tracing::debug!(service = self.name, error = %failure.error, "asking again");
                    time::sleep(self.pause(tried)).await;
                    tried += 1;
                }
                answer => return answer,
            }
        }
    }

    async fn once(&self, request: RequestBuilder) -> Result<Bytes, Failure> {
        let answer = request.send().await.map_err(|error| Failure {
            again: error.is_connect(),
            alive: false,
            error: self.unavailable(error.without_url()),
        })?;
        let status = answer.status();
        if status == StatusCode::OK {
            return self.body(answer).await;
        }
        let problem = format!("answered {status}");
        let busy = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
        );
        if busy || status.is_server_error() {
            let again = status.is_server_error();
            return Err(Failure {
                again,
                alive: false,
                error: self.unavailable(problem),
            });
        }
        let error = PortError::failed(self.name, problem);
        Err(Failure {
            again: false,
            alive: status.is_client_error(),
            error,
        })
    }

    async fn body(&self, mut answer: Response) -> Result<Bytes, Failure> {
        let mut body = BytesMut::new();
        loop {
            let chunk = answer.chunk().await.map_err(|error| Failure {
                again: false,
                alive: false,
                error: self.unavailable(error.without_url()),
            })?;
            let Some(chunk) = chunk else {
                return Ok(body.freeze());
            };
            if body.len() + chunk.len() > self.limits.answer_bytes {
                let error = PortError::failed(self.name, "the answer is too long");
                return Err(Failure {
                    again: false,
                    alive: false,
                    error,
                });
            }
            body.extend_from_slice(&chunk);
        }
    }

    fn unavailable(
        &self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> PortError {
        PortError::unavailable(self.name, source)
    }

    /// Doubles with each try; half of it is random, so that many callers do not come back at once.
    fn pause(&self, tried: u32) -> Duration {
        let [random] = self.env.random::<1>();
        RETRY_PAUSE * 2_u32.pow(tried.min(4)) * (255 + u32::from(random)) / 510
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_joined() {
        let base = parse_base("http://user:secret@detector:9000/v2/").expect("fits");
        assert_eq!(below(&base, "/classify").path(), "/v2/classify");
        assert_eq!(host(&base), "detector:9000");
        let base = parse_base("https://detector").expect("fits");
        assert_eq!(below(&base, "/health").as_str(), "https://detector/health");
        for bad in [
            "",
            "detector:9000",
            "ftp://x",
            "http://x?a=b",
            "http://x#a",
            "/path",
        ] {
            assert!(parse_base(bad).is_err(), "{bad:?}");
        }
    }
}
