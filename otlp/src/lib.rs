//! Spans, sent to an OpenTelemetry collector in the background.
//!
//! Edge and origin make their spans each in its own way and hand them to a [`SpanSink`]. What is sent is OTLP over HTTP
//! in its JSON encoding, which needs nothing but the HTTP client that a program has anyway; the client is behind
//! [`Collector`]. Nothing here slows a request: spans that nobody takes are dropped and counted.

#![deny(missing_docs)]

mod encode;
mod export;
mod settings;
mod sink;

pub use encode::{Kind, Resource, Span};
pub use export::{Collector, Exporter, Exporting};
pub use settings::{InvalidHeaders, headers};
pub use sink::{SpanSink, spans};
