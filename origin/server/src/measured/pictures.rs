use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use axum::body::Bytes;
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::ports::{ByteStream, MadePicture, MakePictureError, PictureMaker};
use tracing::Instrument;

use crate::metrics::Metrics;

/// A maker of pictures whose successes and failures are counted. Its times hold the wait for a free child.
pub struct MeasuredMaker {
    inner: Arc<dyn PictureMaker>,
    metrics: Metrics,
}

impl MeasuredMaker {
    /// Around `inner`.
    pub fn new(inner: Arc<dyn PictureMaker>, metrics: Metrics) -> Self {
        Self { inner, metrics }
    }

    async fn measure<T>(
        &self,
        recipe: &'static str,
        making: impl Future<Output = Result<T, MakePictureError>> + Send,
    ) -> Result<T, MakePictureError> {
        let span = tracing::info_span!("picture", recipe, outcome = tracing::field::Empty);
        let began = Instant::now();
        let made = making.instrument(span.clone()).await;
        let reason = made.as_ref().err().map(reason);
        span.record("outcome", reason.unwrap_or("made"));
        self.metrics.picture(recipe, reason, began.elapsed());
        made
    }
}

fn reason(error: &MakePictureError) -> &'static str {
    match error {
        MakePictureError::Refused(reason) => reason,
        MakePictureError::Port(_) => "unavailable",
    }
}

#[async_trait]
impl PictureMaker for MeasuredMaker {
    async fn make(
        &self,
        source: ByteStream,
        purpose: Purpose,
    ) -> Result<MadePicture, MakePictureError> {
        let making = self.inner.make(source, purpose);
        self.measure(purpose.as_str(), making).await
    }

    async fn preview(&self, webp: ByteStream) -> Result<Bytes, MakePictureError> {
        self.measure("preview", self.inner.preview(webp)).await
    }
}
