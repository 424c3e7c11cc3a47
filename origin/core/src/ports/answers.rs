use async_trait::async_trait;

use crate::answer::{Repeat, RequestName};
use crate::error::PortError;

/// Answers that are kept for repeated requests. They are written by the stores of what they are about, in the same
/// transaction: see [`PostStore::create_once`](super::PostStore::create_once).
#[async_trait]
pub trait AnswerStore: Send + Sync {
    /// What is known under this name; `None` if nothing, or if it expired by then. Never [`Repeat::Running`].
    async fn find(&self, name: &RequestName) -> Result<Option<Repeat>, PortError>;
}
