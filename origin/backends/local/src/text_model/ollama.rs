use async_trait::async_trait;
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::json;
use sluicegate_core::error::PortError;
use sluicegate_core::moderation::Judgement;
use sluicegate_core::ports::TextModel;

use super::{ModelSettings, prompt};
use crate::service::{InvalidAddress, Service, below, parse_base};

/// A model served by Ollama's own API (`/api/chat` with a schema as `format`).
pub struct OllamaModel {
    name: String,
    model: String,
    chat: Url,
    version: Url,
    service: Service,
}

#[derive(Deserialize)]
struct Reply {
    message: Message,
    done: bool,
}

#[derive(Deserialize)]
struct Message {
    content: String,
}

impl OllamaModel {
    /// Asks the Ollama at that address.
    pub fn new(settings: ModelSettings) -> Result<Self, InvalidAddress> {
        let base = parse_base(&settings.url)?;
        Ok(Self {
            name: format!("ollama:{}", settings.model),
            model: settings.model,
            chat: below(&base, "/api/chat"),
            version: below(&base, "/api/version"),
            service: Service::new(
                "text model",
                &base,
                settings.client,
                settings.env,
                settings.limits,
            ),
        })
    }
}

#[async_trait]
impl TextModel for OllamaModel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn judge(&self, text: &str) -> Result<Judgement, PortError> {
        let question = json!({
            "model": self.model,
            "stream": false,
            "format": prompt::schema(),
            "options": {"temperature": 0, "seed": 0, "num_predict": 300},
            "messages": prompt::messages(text),
        });
        let request = |client: &Client| client.post(self.chat.clone()).json(&question);
        self.service.ask(request, read).await
    }

    async fn ping(&self) -> Result<(), PortError> {
        self.service
            .ping(self.service.client().get(self.version.clone()))
            .await
    }
}

fn read(body: &[u8]) -> Result<Judgement, String> {
    let reply: Reply =
        serde_json::from_slice(body).map_err(|error| format!("the answer is wrong: {error}"))?;
    if !reply.done {
        return Err("the answer is not the whole one".to_owned());
    }
    prompt::judgement(&reply.message.content)
}
