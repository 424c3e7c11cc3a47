use std::sync::Arc;

use async_trait::async_trait;

use crate::env::Env;
use crate::error::PortError;
use crate::outage::Outage;
use crate::rate::{Rate, Standing};

/// Counts requests, and says who asks too fast.
#[async_trait]
pub trait RequestLimiter: Send + Sync {
    /// One request of whoever `key` names, at most `rate` fast: [`Rate::admit`] by the clock of wherever it is counted,
    /// in one step, so that of many requests at once exactly so many pass. A refusal changes nothing. A key is short, and
    /// stands for one rate only. What is remembered of it is gone a window after it was last let through, or earlier
    /// where room is needed: then somebody is let through too often, never too seldom.
    ///
    /// Not idempotent: a call whose answer was lost may have counted.
    async fn admit(&self, key: &str, rate: &Rate) -> Result<Standing, PortError>;
}

/// Counted for all processes together while that can be done, and for each by itself while it cannot.
pub struct SharedOrOwn {
    shared: Arc<dyn RequestLimiter>,
    own: Arc<dyn RequestLimiter>,
    outage: Outage,
}

impl SharedOrOwn {
    /// Of these two.
    pub fn new(shared: Arc<dyn RequestLimiter>, own: Arc<dyn RequestLimiter>, env: Env) -> Self {
        Self {
            shared,
            own,
            outage: Outage::new(env),
        }
    }
}

#[async_trait]
impl RequestLimiter for SharedOrOwn {
    async fn admit(&self, key: &str, rate: &Rate) -> Result<Standing, PortError> {
        match self.shared.admit(key, rate).await {
            Ok(standing) => {
                if self.outage.went_well() {
                    tracing::info!("requests are counted for all processes together again");
                }
                Ok(standing)
            }
            Err(error) => {
                if self.outage.failed() {
                    tracing::warn!(%error, "requests are counted for each process by itself now");
                }
                self.own.admit(key, rate).await
            }
        }
    }
}
