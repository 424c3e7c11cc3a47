use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sluicegate_core::env::Env;
use sluicegate_core::ports::ObjectStore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::probe::{self, Lack, Probed, Verdict};
use crate::settings::StoreProbe;

/// How long a start waits for the store.
const PATIENCE: Duration = Duration::from_secs(20);
/// How soon it is asked again; twice as long each time, up to the last.
const AGAIN: Duration = Duration::from_secs(2);
const AGAIN_AT_MOST: Duration = Duration::from_mins(1);

/// What a start wants of the store: its bucket, and that it enforces what presigned URLs promise.
#[derive(Clone)]
pub(crate) struct Starting {
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) chosen: sluicegate_s3::Settings,
    pub(crate) rule: StoreProbe,
    pub(crate) env: Env,
    /// Why we must not go on, once that is known.
    pub(crate) refusal: Arc<OnceLock<String>>,
}

/// What is known of the store.
enum Known {
    /// All that can be told.
    All,
    /// It is down, or lets nothing through: neither is a verdict.
    Nothing(String),
}

impl Starting {
    /// Looks once. What is wrong for good fails the start; a store that is down does not: then a task is returned that
    /// asks until it is told, and ends this process by `shutdown` if the answer is no.
    pub(crate) async fn look(
        self,
        shutdown: CancellationToken,
    ) -> Result<Option<impl Future<Output = ()> + Send + 'static>> {
        match self.once().await? {
            Known::All => Ok(None),
            Known::Nothing(why) => {
                tracing::warn!("nothing is known of the object store yet: {why}");
                Ok(Some(self.keep_asking(shutdown)))
            }
        }
    }

    async fn keep_asking(self, shutdown: CancellationToken) {
        let mut pause = AGAIN;
        let told = async {
            loop {
                sleep(pause).await;
                pause = AGAIN_AT_MOST.min(pause * 2);
                match self.once().await {
                    Ok(Known::All) => return Ok(()),
                    Ok(Known::Nothing(why)) => tracing::warn!("the object store: {why}"),
                    Err(error) => return Err(error),
                }
            }
        };
        match shutdown.run_until_cancelled(told).await {
            None => {}
            Some(Ok(())) => tracing::info!("the object store is there, and fit"),
            Some(Err(error)) => {
                let refusal = format!("{error:#}");
                tracing::error!("stopping: {refusal}");
                // Only this task writes it.
                let _ = self.refusal.set(refusal);
                shutdown.cancel();
            }
        }
    }

    async fn once(&self) -> Result<Known> {
        let Ok(known) = timeout(PATIENCE, self.bucket_and_probe()).await else {
            return Ok(Known::Nothing(format!(
                "no answer within {} s",
                PATIENCE.as_secs()
            )));
        };
        known
    }

    async fn bucket_and_probe(&self) -> Result<Known> {
        if let Err(error) = self.objects.ensure_bucket().await {
            if error.is_unavailable() {
                return Ok(Known::Nothing(error.to_string()));
            }
            return Err(error).context("cannot use the object store");
        }
        let probed = probe::all(&self.chosen, &self.env).await;
        self.judge(&probed)
    }

    fn judge(&self, probed: &[Probed]) -> Result<Known> {
        // Else it is told once, by whoever asks again.
        let is_told = probed.iter().any(|probed| probed.verdict.is_told());
        for Probed {
            place,
            verdict,
            left,
            ..
        } in probed
        {
            if let Some(error) = left {
                tracing::warn!(%error, "the object store did not delete a file of its probe");
            }
            match verdict {
                Verdict::Enforces => {
                    tracing::info!("objects: what is signed is enforced at {place}");
                }
                Verdict::Lacks(lack) => self.lacks(place, *lack)?,
                Verdict::Refuses(why) if is_told => tracing::warn!(
                    "objects: nothing can be uploaded at {place}: {why}; see `sluicegate-origin doctor`"
                ),
                Verdict::Refuses(why) | Verdict::Untold(why) => {
                    tracing::debug!("objects: nothing known of {place}: {why}");
                }
            }
        }
        if is_told {
            return Ok(Known::All);
        }
        let why = |probed: &Probed| match &probed.verdict {
            Verdict::Untold(why) | Verdict::Refuses(why) => format!("{}: {why}", probed.place),
            Verdict::Enforces | Verdict::Lacks(_) => String::new(),
        };
        Ok(Known::Nothing(
            probed.iter().map(why).collect::<Vec<_>>().join("; "),
        ))
    }

    fn lacks(&self, place: &str, Lack { found, remedy }: Lack) -> Result<()> {
        // Whoever lets clients send files themselves hands them such URLs.
        let for_clients = self.chosen.public_endpoint.is_some();
        if self.rule == StoreProbe::Warn && !for_clients {
            tracing::warn!("objects: the store at {place} is not fit: {found}; {remedy}");
            return Ok(());
        }
        let way_out = if for_clients {
            ""
        } else {
            ", or set S3_PROBE=warn if you trust all that your edges send"
        };
        bail!("the object store at {place} is not fit: {found}; {remedy}{way_out}")
    }
}
