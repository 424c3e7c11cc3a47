use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::{Map, Value};
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;
use sluicegate_core::moderation::{Finding, Judgement};
use sluicegate_core::ports::Detector;

use crate::finding::{clean_reason, is_share, scores};
use crate::replicas::Replicas;
use crate::service::{InvalidAddress, ServiceLimits, below, host, parse_base};

/// A detector behind HTTP (`MODERATION_IMAGE_SERVICE_URL`): `POST {url}/classify` with the picture
/// as `application/octet-stream`, answered by `{"safe": bool, "confidence": 0..1, "reason": text}`;
/// `GET {url}/health`. Those three members must be there and of that kind; numbers under other names are kept as
/// scores, and the rest is ignored. Of several addresses each question goes to one, the least busy of those that are well.
pub struct HttpDetector {
    name: String,
    replicas: Arc<Replicas>,
}

/// How the addresses of a detector stand, as this process sees them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DetectorStandings(Arc<Replicas>);

impl DetectorStandings {
    /// How many are named.
    pub fn named(&self) -> usize {
        self.0.named()
    }

    /// How many are not left alone after failures now.
    pub fn used(&self) -> usize {
        self.0.used()
    }
}

#[derive(Deserialize)]
struct Answer {
    safe: bool,
    confidence: f64,
    reason: String,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl HttpDetector {
    /// Asks the services at `urls`, at least one, which may hold a path, a user and a password.
    pub fn new<'a>(
        urls: impl IntoIterator<Item = &'a str>,
        client: &Client,
        env: &Env,
        limits: ServiceLimits,
    ) -> Result<Self, InvalidAddress> {
        let bases: Result<Vec<Url>, _> = urls.into_iter().map(parse_base).collect();
        let bases = bases?;
        if bases.is_empty() {
            return Err(InvalidAddress);
        }
        let hosts: Vec<String> = bases.iter().map(host).collect();
        Ok(Self {
            name: format!("http:{}", hosts.join(",")),
            replicas: Arc::new(Replicas::new("detector", bases, client, env, limits)),
        })
    }

    /// To look at how they stand, at any time.
    pub fn standings(&self) -> DetectorStandings {
        DetectorStandings(Arc::clone(&self.replicas))
    }
}

#[async_trait]
impl Detector for HttpDetector {
    fn name(&self) -> &str {
        &self.name
    }

    async fn classify(&self, jpeg: Bytes) -> Result<Judgement, PortError> {
        let request = |client: &Client, base: &Url| {
            client
                .post(below(base, "/classify"))
                .header(CONTENT_TYPE, "application/octet-stream")
                .body(jpeg.clone())
        };
        self.replicas.ask(request, judgement).await
    }

    async fn ping(&self) -> Result<(), PortError> {
        let health = |client: &Client, base: &Url| client.get(below(base, "/health"));
        self.replicas.ping(health).await
    }
}

fn judgement(body: &[u8]) -> Result<Judgement, String> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|error| format!("the answer is wrong: {error}"))?;
    if !is_share(answer.confidence) {
        return Err(format!(
            "the confidence is {}, not 0 to 1",
            answer.confidence
        ));
    }
    let finding = Finding {
        confidence: answer.confidence,
        reason: clean_reason(&answer.reason),
        scores: scores(&answer.others),
    };
    Ok(if answer.safe {
        Judgement::Safe(finding)
    } else {
        Judgement::Unsafe(finding)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_read() {
        let body = br#"{"safe":false,"confidence":0.75,"reason":"nudity","scores":{"porn":0.7}}"#;
        let finding = Finding {
            confidence: 0.75,
            reason: "nudity".to_owned(),
            scores: json!({"scores": {"porn": 0.7}}),
        };
        assert_eq!(judgement(body), Ok(Judgement::Unsafe(finding)));
    }

    #[test]
    fn anything_else_is_an_error() {
        for body in [
            "",
            "null",
            "[]",
            "true",
            r#"{"safe":true}"#,
            r#"{"safe":true,"confidence":1}"#,
            r#"{"safe":"true","confidence":1,"reason":""}"#,
            r#"{"safe":1,"confidence":1,"reason":""}"#,
            r#"{"safe":true,"confidence":1.01,"reason":""}"#,
            r#"{"safe":true,"confidence":-0.1,"reason":""}"#,
            r#"{"safe":true,"confidence":null,"reason":""}"#,
            r#"{"safe":true,"confidence":1,"reason":null}"#,
            r#"{"safe":true,"safe":false,"confidence":1,"reason":""}"#,
            r#"{"safe":true,"confidence":1,"reason":""} {"safe":false}"#,
        ] {
            assert!(judgement(body.as_bytes()).is_err(), "{body}");
        }
    }
}
