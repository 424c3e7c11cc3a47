#![expect(clippy::expect_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sluicegate_conformance::detector::Expected;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::{Clock, Env};
use sluicegate_local::{ModelSettings, ServiceLimits, SystemEntropy, http_client, system_env};

pub(crate) const TIMEOUT: Duration = Duration::from_millis(600);
pub(crate) const EXPECTED: Expected = Expected {
    timeout: TIMEOUT,
    retries: 2,
};

pub(crate) fn limits() -> ServiceLimits {
    ServiceLimits {
        timeout: TIMEOUT,
        ..ServiceLimits::detector()
    }
}

pub(crate) fn client() -> reqwest::Client {
    // Only the first test of the process installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    http_client().expect("a client")
}

pub(crate) fn model(url: &str, client: &reqwest::Client) -> ModelSettings {
    ModelSettings {
        url: url.to_owned(),
        model: "tiny".to_owned(),
        client: client.clone(),
        env: system_env(),
        limits: limits(),
    }
}

/// A clock that moves when it is told to.
#[derive(Clone)]
pub(crate) struct HeldClock(Arc<AtomicI64>);

impl HeldClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_800_000_000_000)))
    }

    pub(crate) fn pass(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).expect("short");
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn env(&self) -> Env {
        Env {
            clock: Arc::new(self.clone()),
            entropy: Arc::new(SystemEntropy),
        }
    }
}

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.0.load(Ordering::SeqCst)).expect("in range")
    }
}
