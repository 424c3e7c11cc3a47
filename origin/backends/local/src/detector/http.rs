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
use crate::service::{InvalidAddress, Service, ServiceLimits, below, host, parse_base};

/// A detector behind HTTP (`MODERATION_IMAGE_SERVICE_URL`): `POST {url}/classify` with the picture
/// as `application/octet-stream`, answered by `{"safe": bool, "confidence": 0..1, "reason": text}`;
/// `GET {url}/health`. Those three members must be there and of that kind; numbers under other names are kept as
/// scores, and the rest is ignored.
pub struct HttpDetector {
    name: String,
    classify: Url,
    health: Url,
    service: Service,
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
    /// Asks the service at `url`, which may hold a path, a user and a password.
    pub fn new(
        url: &str,
        client: Client,
        env: Env,
        limits: ServiceLimits,
    ) -> Result<Self, InvalidAddress> {
        let base = parse_base(url)?;
        Ok(Self {
            name: format!("http:{}", host(&base)),
            classify: below(&base, "/classify"),
            health: below(&base, "/health"),
            service: Service::new("detector", client, env, limits),
        })
    }
}

#[async_trait]
impl Detector for HttpDetector {
    fn name(&self) -> &str {
        &self.name
    }

    async fn classify(&self, jpeg: Bytes) -> Result<Judgement, PortError> {
        let request = |client: &Client| {
            client
                .post(self.classify.clone())
                .header(CONTENT_TYPE, "application/octet-stream")
                .body(jpeg.clone())
        };
        self.service.ask(request, judgement).await
    }

    async fn ping(&self) -> Result<(), PortError> {
        self.service
            .ping(self.service.client().get(self.health.clone()))
            .await
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
