//! Language models that judge texts, and how they are asked.

mod none;
mod ollama;
mod openai;
mod prompt;

use sluicegate_core::env::Env;

pub use none::NoModel;
pub use ollama::OllamaModel;
pub use openai::OpenAiModel;

use crate::service::ServiceLimits;

/// Where a model is, and what is needed to ask it.
#[derive(Clone)]
pub struct ModelSettings {
    /// The base URL of its API; may hold a path.
    pub url: String,
    /// Its name at that service.
    pub model: String,
    /// Shared with others.
    pub client: reqwest::Client,
    /// Time and randomness.
    pub env: Env,
    /// How long, how often.
    pub limits: ServiceLimits,
}
