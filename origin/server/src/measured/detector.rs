use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use axum::body::Bytes;
use sluicegate_core::error::PortError;
use sluicegate_core::moderation::Judgement;
use sluicegate_core::ports::Detector;
use tracing::Instrument;

use super::judgement;
use crate::metrics::Metrics;

/// A picture detector whose answers are counted.
pub struct MeasuredDetector {
    inner: Arc<dyn Detector>,
    metrics: Metrics,
}

impl MeasuredDetector {
    /// Around `inner`.
    pub fn new(inner: Arc<dyn Detector>, metrics: Metrics) -> Self {
        Self { inner, metrics }
    }
}

#[async_trait]
impl Detector for MeasuredDetector {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn classify(&self, jpeg: Bytes) -> Result<Judgement, PortError> {
        let span = tracing::info_span!(
            "detector",
            detector = self.name(),
            outcome = tracing::field::Empty
        );
        let began = Instant::now();
        let answer = self.inner.classify(jpeg).instrument(span.clone()).await;
        let outcome = judgement(&answer);
        span.record("outcome", outcome);
        self.metrics
            .judged("picture", self.name(), outcome, began.elapsed());
        answer
    }

    async fn ping(&self) -> Result<(), PortError> {
        self.inner.ping().await
    }
}
