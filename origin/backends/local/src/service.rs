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
    /// For one question, its retries included. Where there are several to be asked, for each of them; none is begun after
    /// twice that.
    pub timeout: Duration,
    /// After failed connections and answers of 500 and above; where there are several, so many others are asked
    /// instead.
    pub retries: u32,
    /// So many failed questions in a row open the breaker.
    pub failures_to_open: u32,
    /// For so long no question is asked then.
    pub cool_down: Duration,
    /// The longest answer, in bytes.
    pub answer_bytes: usize,
    /// Questions at once, of each address; further ones wait. Of detectors only.
    pub at_once: u32,
}

impl ServiceLimits {
    /// For a detector: 10 s, 2 retries, 64 KiB, 8 at once.
    pub fn detector() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            retries: 2,
            failures_to_open: 5,
            cool_down: Duration::from_secs(10),
            answer_bytes: 64 * 1024,
            at_once: 8,
        }
    }

    /// For one of so many detectors: the same, but where others can be asked instead, one is left alone after two
    /// failures in a row. Each costs a picture the time-out if it hangs.
    pub fn detectors(count: usize) -> Self {
        let limits = Self::detector();
        let failures_to_open = if count > 1 {
            2
        } else {
            limits.failures_to_open
        };
        Self {
            failures_to_open,
            ..limits
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
    /// Where it is, for logs.
    place: String,
    client: Client,
    env: Env,
    limits: ServiceLimits,
    breaker: Breaker,
}

/// How one try went wrong.
pub(crate) struct Failure {
    pub(crate) error: PortError,
    /// A quick retry may help.
    again: bool,
    /// The service is alive, and minds this question only.
    pub(crate) alive: bool,
}

impl Service {
    /// The one at `base`.
    pub(crate) fn new(
        name: &'static str,
        base: &Url,
        client: Client,
        env: Env,
        limits: ServiceLimits,
    ) -> Self {
        let breaker = Breaker::new(env.clock.clone(), limits.failures_to_open, limits.cool_down);
        Self {
            name,
            place: host(base),
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
        let Some(pass) = self.pass() else {
            return Err(self.left_alone());
        };
        let limits = self.limits;
        self.ask_within(limits.timeout, limits.retries, pass, &request, parse)
            .await
            .map_err(|failure| failure.error)
    }

    /// The right to ask one question; `None` while it is left alone.
    pub(crate) fn pass(&self) -> Option<Pass<'_>> {
        self.breaker.pass()
    }

    /// Whether its last questions went well.
    pub(crate) fn is_well(&self) -> bool {
        self.breaker.is_closed()
    }

    /// Why it was not asked.
    pub(crate) fn left_alone(&self) -> PortError {
        self.unavailable("left alone after failures in a row")
    }

    /// The same as [`Self::ask`], with limits of its own.
    pub(crate) async fn ask_within<T>(
        &self,
        limit: Duration,
        retries: u32,
        pass: Pass<'_>,
        request: &(impl Fn(&Client) -> RequestBuilder + Send),
        parse: impl Fn(&[u8]) -> Result<T, String> + Send,
    ) -> Result<T, Failure> {
        let answer = match time::timeout(limit, self.tries(request, retries)).await {
            Ok(answer) => answer,
            Err(_) => Err(at_fault(self.unavailable("no answer in time"))),
        };
        let parsed = answer.and_then(|bytes| {
            parse(&bytes).map_err(|problem| at_fault(PortError::failed(self.name, problem)))
        });
        match &parsed {
            Err(failure) if !failure.alive => self.count(pass, &failure.error),
            _ => pass.succeeded(),
        }
        parsed
    }

    fn count(&self, pass: Pass<'_>, error: &PortError) {
        if pass.failed() {
            tracing::warn!(
                service = self.name,
                place = self.place,
                %error,
                "left alone for {} s after failures in a row",
                self.limits.cool_down.as_secs()
            );
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

    async fn tries(
        &self,
        request: &(impl Fn(&Client) -> RequestBuilder + Send),
        retries: u32,
    ) -> Result<Bytes, Failure> {
        let mut tried = 0;
        loop {
            match self.once(request(&self.client)).await {
                Err(failure) if failure.again && tried < retries => {
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
        if minds_the_question(status) {
            return Err(Failure {
                again: false,
                alive: true,
                error: PortError::failed(self.name, problem),
            });
        }
        // Not let in, or nothing there: so it would be with any question.
        Err(at_fault(self.unavailable(problem)))
    }

    async fn body(&self, mut answer: Response) -> Result<Bytes, Failure> {
        let mut body = BytesMut::new();
        loop {
            let chunk = answer
                .chunk()
                .await
                .map_err(|error| at_fault(self.unavailable(error.without_url())))?;
            let Some(chunk) = chunk else {
                return Ok(body.freeze());
            };
            if body.len() + chunk.len() > self.limits.answer_bytes {
                let error = PortError::failed(self.name, "the answer is too long");
                return Err(at_fault(error));
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

/// What is said of a body: other questions may be answered.
fn minds_the_question(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY
    )
}

/// Asking again at once would not help.
fn at_fault(error: PortError) -> Failure {
    Failure {
        error,
        again: false,
        alive: false,
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
