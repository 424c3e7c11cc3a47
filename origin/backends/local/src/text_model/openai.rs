use async_trait::async_trait;
use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;
use serde_json::json;
use sluicegate_core::error::PortError;
use sluicegate_core::moderation::Judgement;
use sluicegate_core::ports::TextModel;

use super::{ModelSettings, prompt};
use crate::service::{InvalidAddress, Service, below, parse_base};

/// A model behind an OpenAI-compatible API (`/v1/chat/completions` with a JSON schema). A model that
/// refuses to answer, and an answer that was cut short or filtered, are errors like any other.
pub struct OpenAiModel {
    name: String,
    model: String,
    key: Option<String>,
    completions: Url,
    models: Url,
    service: Service,
}

#[derive(Deserialize)]
struct Reply {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

impl OpenAiModel {
    /// Asks the service at that address, which may end in `/v1` or not; `key` is sent as bearer token.
    pub fn new(settings: ModelSettings, key: Option<String>) -> Result<Self, InvalidAddress> {
        let mut base = parse_base(&settings.url)?;
        let path = base.path().trim_end_matches('/');
        let path = path.strip_suffix("/v1").unwrap_or(path).to_owned();
        base.set_path(&path);
        Ok(Self {
            name: format!("openai:{}", settings.model),
            model: settings.model,
            key,
            completions: below(&base, "/v1/chat/completions"),
            models: below(&base, "/v1/models"),
            service: Service::new(
                "text model",
                &base,
                settings.client,
                settings.env,
                settings.limits,
            ),
        })
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }
}

#[async_trait]
impl TextModel for OpenAiModel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn judge(&self, text: &str) -> Result<Judgement, PortError> {
        let question = json!({
            "model": self.model,
            "temperature": 0,
            "messages": prompt::messages(text),
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "judgement", "strict": true, "schema": prompt::schema()},
            },
        });
        let request = |client: &Client| {
            self.authorized(client.post(self.completions.clone()).json(&question))
        };
        self.service.ask(request, read).await
    }

    async fn ping(&self) -> Result<(), PortError> {
        let request = self.authorized(self.service.client().get(self.models.clone()));
        self.service.ping(request).await
    }
}

fn read(body: &[u8]) -> Result<Judgement, String> {
    let reply: Reply =
        serde_json::from_slice(body).map_err(|error| format!("the answer is wrong: {error}"))?;
    let choice = reply
        .choices
        .into_iter()
        .next()
        .ok_or("the answer has no choices")?;
    if let Some(reason) = choice.finish_reason.filter(|reason| reason != "stop") {
        return Err(format!("the answer ended early: {reason:?}"));
    }
    let content = choice.message.content.ok_or("the model did not answer")?;
    prompt::judgement(&content)
}
