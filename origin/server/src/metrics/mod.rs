//! What is counted, in words of the field: OpenTelemetry's names for HTTP, `sluicegate_…` for the rest.
//!
//! One [`Metrics`] an origin, passed to whoever counts: decorators around ports (`crate::measured`), the layer
//! around the API ([`requests`]), and what is asked at a scrape ([`census`], [`machine`]). Labels hold words of ours
//! only, never what a client sent, so the number of series is bounded.

mod census;
mod detectors;
mod families;
mod listener;
mod machine;
mod replicas;
pub mod requests;
mod spans;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;
use sluicegate_core::env::Env;
use sluicegate_core::moderation::Record;
use sluicegate_core::observe::{Kept, Observer};
use sluicegate_local::DetectorStandings;
use sluicegate_postgres::Database;
use sluicegate_postgres::replicas::Replicas;

use families::{Families, labels, word};

pub use listener::{MetricsServer, bind};

/// Everything that one origin counts. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    families: Families,
}

impl Metrics {
    /// Nothing counted yet; `database` is asked for its connections at each scrape, `replicas` and `detectors` how they
    /// stand.
    pub fn new(
        env: &Env,
        database: &Database,
        replicas: Option<Replicas>,
        detectors: Option<DetectorStandings>,
    ) -> Self {
        let mut registry = Registry::default();
        let families = Families::register(&mut registry);
        registry.register_collector(Box::new(machine::Process::new(env.now())));
        registry.register_collector(Box::new(machine::Pool(database.clone())));
        registry.register_collector(Box::new(spans::Spans));
        registry.register_collector(Box::new(replicas::Standings(replicas)));
        registry.register_collector(Box::new(detectors::Detectors(detectors)));
        Self {
            registry: Arc::new(registry),
            families,
        }
    }

    /// All of it in Prometheus' text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = prometheus_text::encode(&mut text, &self.registry);
        text
    }

    /// Whether something is configured that judges `kind` (`picture` or `text`).
    pub fn judge_configured(&self, kind: &'static str, configured: bool) {
        let gauge = self
            .families
            .judges
            .get_or_create_owned(&labels([("kind", kind)]));
        gauge.set(configured.into());
    }

    /// A question to a detector or model, and what it said.
    pub fn judged(&self, kind: &'static str, judge: &str, outcome: &'static str, took: Duration) {
        let labels = [
            ("kind", word(kind)),
            ("detector", judge.to_owned().into()),
            ("outcome", word(outcome)),
        ];
        self.families
            .judged
            .get_or_create_owned(&labels)
            .observe(took.as_secs_f64());
    }

    /// A call to the object store.
    pub fn object_call(&self, operation: &'static str, outcome: &'static str, took: Duration) {
        let labels = labels([("operation", operation), ("outcome", outcome)]);
        self.families
            .objects
            .get_or_create_owned(&labels)
            .observe(took.as_secs_f64());
    }

    /// A picture was made, or not; `reason` says why not.
    pub fn picture(&self, recipe: &'static str, reason: Option<&'static str>, took: Duration) {
        let outcome = match reason {
            None => "made",
            Some("unavailable") => "unavailable",
            Some(_) => "refused",
        };
        let labels_ = labels([("recipe", recipe), ("outcome", outcome)]);
        self.families
            .pictures
            .get_or_create_owned(&labels_)
            .observe(took.as_secs_f64());
        if let Some(reason) = reason {
            let failures = &self.families.picture_failures;
            failures
                .get_or_create_owned(&labels([("reason", reason)]))
                .inc();
        }
    }

    /// An attempt at a job ended.
    pub fn attempt(&self, queue: &'static str, outcome: &'static str, took: Duration) {
        let labels = labels([("queue", queue), ("outcome", outcome)]);
        self.families
            .attempts
            .get_or_create_owned(&labels)
            .observe(took.as_secs_f64());
    }
}

impl Observer for Metrics {
    fn verdict(&self, record: &Record) {
        let labels = [
            ("detector", record.source.clone().into()),
            ("stage", record.stage.clone().into()),
            ("outcome", word(families::outcome(record.outcome))),
        ];
        self.families.verdicts.get_or_create_owned(&labels).inc();
    }

    fn kept(&self, from: Kept) {
        let kept = &self.families.kept;
        kept.get_or_create_owned(&labels([("result", from.as_str())]))
            .inc();
    }

    fn limited(&self, limit: &'static str) {
        let limited = &self.families.limited;
        limited
            .get_or_create_owned(&labels([("limit", limit)]))
            .inc();
    }

    fn swept(&self, job: &'static str, what: &'static str, count: u64) {
        let labels = labels([("job_name", job), ("what", what)]);
        self.families
            .swept
            .get_or_create_owned(&labels)
            .inc_by(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_swept_adds_up() {
        let mut registry = Registry::default();
        let families = Families::register(&mut registry);
        let registry = Arc::new(registry);
        let metrics = Metrics { registry, families };
        for count in [3, 0, 2] {
            metrics.swept("sweep", "orphans", count);
        }
        metrics.swept("prune", "devices", 0);
        let text = metrics.text();
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("swept_total{"))
            .collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(
            lines.contains(&r#"sluicegate_swept_total{job_name="sweep",what="orphans"} 5"#),
            "{lines:?}"
        );
        assert!(
            lines.contains(&r#"sluicegate_swept_total{job_name="prune",what="devices"} 0"#),
            "{lines:?}"
        );
    }
}
