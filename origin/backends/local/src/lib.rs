//! Adapters that need no driver: clock, entropy, the HTTP client, detectors, text models and the purge hook
//! that are asked over HTTP, and the ones that stand in where none is configured.
//!
//! Choosing among them is not this crate's job: the server does that by its settings. Start at
//! [`HttpDetector`] for how a service is asked; the rules that all share (time-outs, retries, the
//! circuit breaker, bounded answers) are in `service.rs`, and how one of several is chosen in `replicas.rs`.

#![deny(missing_docs)]

mod breaker;
mod cache;
mod detector;
mod finding;
mod http_client;
mod limiter;
mod otlp;
mod purge;
mod replicas;
mod service;
mod system;
mod text_model;

pub use cache::LocalCache;
pub use detector::{DetectorStandings, HttpDetector, NoDetector};
pub use http_client::{HttpClientError, http_client};
pub use limiter::LocalLimiter;
pub use otlp::TraceCollector;
pub use purge::{HttpPurgeHook, NoPurgeHook, PurgeLimits};
pub use service::{InvalidAddress, ServiceLimits};
pub use system::{SystemClock, SystemEntropy, system_env};
pub use text_model::{ModelSettings, NoModel, OllamaModel, OpenAiModel};
