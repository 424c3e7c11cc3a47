//! Logs: where they go, how they look, and what never gets into them.

use std::fmt::Write;
use std::io::IsTerminal;

use sluicegate_local::system_env;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::settings::{LogFormat, Settings};
use crate::traces::{self, Pending};

/// Writes logs to stderr from now on; stdout is for what scripts read. A process does this once. Answers what sends
/// traces if a collector is configured.
pub fn start(settings: &Settings) -> anyhow::Result<Option<Pending>> {
    let filter = EnvFilter::builder().parse(bounded(&settings.log_filter))?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match settings.log {
        LogFormat::Pretty => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let traces = settings.traces.as_ref();
    let (spans, pending) = traces
        .map(|traces| traces::prepare(traces, system_env()))
        .unzip();
    let ours = FilterFn::new(is_ours).with_max_level_hint(LevelFilter::INFO);
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(spans.map(|spans| spans.with_filter(ours)))
        .try_init()
        .map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))?;
    Ok(pending)
}

/// Traces hold our own spans, whatever is logged.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("sluicegate") && *metadata.level() <= Level::INFO
}

/// Libraries that log whole requests, presigned URLs included, or drown everything else, and how much
/// of them is wanted in any case.
const CAPS: [(&str, LevelFilter); 10] = [
    ("s3s", LevelFilter::WARN),
    ("s3s::ops", LevelFilter::OFF),
    ("aws_smithy_runtime", LevelFilter::INFO),
    ("aws_smithy_runtime_api", LevelFilter::INFO),
    ("aws_sdk_s3", LevelFilter::INFO),
    ("aws_sigv4", LevelFilter::INFO),
    ("hyper", LevelFilter::INFO),
    ("hyper_util", LevelFilter::INFO),
    ("reqwest", LevelFilter::INFO),
    ("sqlx", LevelFilter::INFO),
];

/// The operator's filter, and after it the caps of libraries that it would let say more and does not name.
fn bounded(filter: &str) -> String {
    let chosen: Vec<(&str, LevelFilter)> = filter.split(',').filter_map(directive).collect();
    let mut bounded = filter.to_owned();
    for (target, cap) in CAPS {
        let nearest = chosen
            .iter()
            .filter(|(name, _)| target.starts_with(name))
            .max_by_key(|(name, _)| name.len());
        let named = nearest.is_some_and(|(name, _)| *name == target);
        let louder = nearest.is_some_and(|(_, level)| *level > cap);
        if louder && !named {
            // Writing to a `String` cannot fail.
            let _ = write!(bounded, ",{target}={cap}");
        }
    }
    bounded
}

/// `level`, `target` or `target=level`; those on spans and fields say nothing about whole targets.
fn directive(text: &str) -> Option<(&str, LevelFilter)> {
    let text = text.trim();
    if text.is_empty() || text.contains(['[', ']', '{', '}']) {
        return None;
    }
    match text.split_once('=') {
        Some((target, level)) => Some((target, level.parse().ok()?)),
        None => Some(match text.parse() {
            Ok(level) => ("", level),
            Err(_) => (text, LevelFilter::TRACE),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_bounded_when_everything_is_wanted() {
        let filter = bounded("debug");
        assert_eq!(
            filter,
            "debug,s3s=warn,s3s::ops=off,aws_smithy_runtime=info,aws_smithy_runtime_api=info,\
             aws_sdk_s3=info,aws_sigv4=info,hyper=info,hyper_util=info,reqwest=info,sqlx=info"
        );
        assert!(EnvFilter::builder().parse(&filter).is_ok());
    }

    #[test]
    fn what_is_named_is_obeyed() {
        let filter = bounded("debug,hyper=trace,sqlx");
        assert!(!filter.contains("hyper=info"), "{filter}");
        assert!(!filter.contains("sqlx=info"), "{filter}");
        assert!(filter.contains("reqwest=info"), "{filter}");
        let filter = bounded("s3s=debug");
        assert_eq!(filter, "s3s=debug,s3s::ops=off");
    }

    #[test]
    fn nothing_gets_louder() {
        assert_eq!(bounded("off"), "off");
        assert_eq!(bounded("error"), "error,s3s::ops=off");
        assert_eq!(
            bounded("sluicegate_worker=debug"),
            "sluicegate_worker=debug"
        );
        assert_eq!(bounded("aws=debug"), {
            "aws=debug,aws_smithy_runtime=info,aws_smithy_runtime_api=info,aws_sdk_s3=info,aws_sigv4=info"
        });
    }
}
