use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use sluicegate_core::error::PortError;
use sluicegate_core::moderation::Judgement;
use sluicegate_core::ports::TextModel;
use tracing::Instrument;

use super::judgement;
use crate::metrics::Metrics;

/// A text model whose answers are counted.
pub struct MeasuredModel {
    inner: Arc<dyn TextModel>,
    metrics: Metrics,
}

impl MeasuredModel {
    /// Around `inner`.
    pub fn new(inner: Arc<dyn TextModel>, metrics: Metrics) -> Self {
        Self { inner, metrics }
    }
}

#[async_trait]
impl TextModel for MeasuredModel {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn judge(&self, text: &str) -> Result<Judgement, PortError> {
        let span = tracing::info_span!(
            "text_model",
            model = self.name(),
            outcome = tracing::field::Empty
        );
        let began = Instant::now();
        let answer = self.inner.judge(text).instrument(span.clone()).await;
        let outcome = judgement(&answer);
        span.record("outcome", outcome);
        self.metrics
            .judged("text", self.name(), outcome, began.elapsed());
        answer
    }

    async fn ping(&self) -> Result<(), PortError> {
        self.inner.ping().await
    }
}
