//! The metrics themselves: names, labels, buckets.

use std::borrow::Cow;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use sluicegate_core::moderation::Outcome;
use sluicegate_core::observe::Kept;

/// Names and values of `N` labels.
pub(super) type Labels<const N: usize> = [(&'static str, Cow<'static, str>); N];
/// Durations by `N` labels.
pub(super) type Durations<const N: usize> = Family<Labels<N>, Histogram, fn() -> Histogram>;

/// Seconds; the buckets that OpenTelemetry advises for HTTP requests.
const REQUEST_BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// Seconds; for work that may take as long as a language model or a large picture.
const WORK_BUCKETS: [f64; 13] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// Each metric; clones are one.
#[derive(Clone)]
pub(super) struct Families {
    pub(super) requests: Durations<3>,
    pub(super) active: Family<Labels<1>, Gauge>,
    pub(super) attempts: Durations<2>,
    pub(super) verdicts: Family<Labels<3>, Counter>,
    pub(super) swept: Family<Labels<2>, Counter>,
    pub(super) limited: Family<Labels<1>, Counter>,
    pub(super) kept: Family<Labels<1>, Counter>,
    pub(super) judged: Durations<3>,
    pub(super) judges: Family<Labels<1>, Gauge>,
    pub(super) pictures: Durations<2>,
    pub(super) picture_failures: Family<Labels<1>, Counter>,
    pub(super) objects: Durations<2>,
    pub(super) jobs: Family<Labels<2>, Gauge>,
    pub(super) oldest: Family<Labels<1>, Gauge<f64, AtomicU64>>,
    pub(super) paused: Family<Labels<1>, Gauge>,
    pub(super) uploads: Family<Labels<1>, Gauge>,
    pub(super) census: Gauge,
}

impl Families {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("sluicegate_build", "The version that runs", version);
        let all = Self::new();
        all.register_requests(registry);
        all.register_work(registry);
        all.register_census(registry);
        all.begin();
        all
    }

    /// Counters whose labels are known are there from the start: the first thing that is counted is an increase then.
    fn begin(&self) {
        for limit in [
            "reads-by-account",
            "writes-by-account",
            "uploads-by-account",
            "posts-by-account",
            "lists-by-account",
            "reads-by-address",
            "writes-by-address",
            "lists-by-address",
            "log-ins-by-address",
        ] {
            let limited = &self.limited;
            limited
                .get_or_create_owned(&labels([("limit", limit)]))
                .inc_by(0);
        }
        for from in Kept::ALL {
            let kept = &self.kept;
            kept.get_or_create_owned(&labels([("result", from.as_str())]))
                .inc_by(0);
        }
    }

    fn new() -> Self {
        let work: fn() -> Histogram = || Histogram::new(WORK_BUCKETS);
        Self {
            requests: Family::new_with_constructor(|| Histogram::new(REQUEST_BUCKETS)),
            active: Family::default(),
            attempts: Family::new_with_constructor(work),
            verdicts: Family::default(),
            swept: Family::default(),
            limited: Family::default(),
            kept: Family::default(),
            judged: Family::new_with_constructor(work),
            judges: Family::default(),
            pictures: Family::new_with_constructor(work),
            picture_failures: Family::default(),
            objects: Family::new_with_constructor(work),
            jobs: Family::default(),
            oldest: Family::default(),
            paused: Family::default(),
            uploads: Family::default(),
            census: Gauge::default(),
        }
    }

    fn register_requests(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "http_server_request_duration",
            "Requests, from their headers to the last byte of the answer; without a status: the client went away",
            Unit::Seconds,
            self.requests.clone(),
        );
        registry.register(
            "http_server_active_requests",
            "Requests that are being answered",
            self.active.clone(),
        );
        registry.register(
            "sluicegate_requests_limited",
            "Requests that this process refused because whoever asked was faster than a limit, by that limit",
            self.limited.clone(),
        );
        registry.register(
            "sluicegate_public_cache",
            "Reads without a token whose answer may be kept, by where it came from: the cache (hit), another's reading (joined), the database (miss)",
            self.kept.clone(),
        );
    }

    fn register_work(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "sluicegate_job_attempt_duration",
            "Attempts at jobs by how they ended: done, retry, failed, lease_lost, panicked, stopped",
            Unit::Seconds,
            self.attempts.clone(),
        );
        registry.register(
            "sluicegate_verdicts",
            "Verdicts that were committed by this process, by who gave them",
            self.verdicts.clone(),
        );
        registry.register(
            "sluicegate_swept",
            "What this process did away with for good, by the job of the maintenance queue",
            self.swept.clone(),
        );
        registry.register_with_unit(
            "sluicegate_detector_duration",
            "Questions to detectors and models by what they said: safe, unsafe, unjudged, unavailable, failed",
            Unit::Seconds,
            self.judged.clone(),
        );
        registry.register(
            "sluicegate_detector_configured",
            "Whether something is configured that judges a picture or a text (1) or not (0)",
            self.judges.clone(),
        );
        registry.register_with_unit(
            "sluicegate_picture_duration",
            "Pictures by how their making ended: made, refused (the file is at fault), unavailable",
            Unit::Seconds,
            self.pictures.clone(),
        );
        registry.register(
            "sluicegate_picture_failures",
            "Decoder children that made no picture, by the reason: broken, truncated, unsupported, animated, too_large, \
             too_many_pixels, too_much_memory, too_slow, crashed, unavailable",
            self.picture_failures.clone(),
        );
        registry.register_with_unit(
            "sluicegate_object_store_duration",
            "Calls to the object store by how they ended: ok, unavailable, failed",
            Unit::Seconds,
            self.objects.clone(),
        );
    }

    fn register_census(&self, registry: &mut Registry) {
        registry.register(
            "sluicegate_jobs",
            "Jobs that are not done, up to 100000; the same number from each process",
            self.jobs.clone(),
        );
        registry.register_with_unit(
            "sluicegate_job_oldest_ready_age",
            "How long the oldest job that could run has waited; the same number from each process",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register(
            "sluicegate_queue_paused",
            "Whether an operator paused the queue; the same number from each process",
            self.paused.clone(),
        );
        registry.register(
            "sluicegate_uploads",
            "Uploads that are not at their end, up to 100000; the same number from each process",
            self.uploads.clone(),
        );
        registry.register(
            "sluicegate_database_up",
            "Whether the database answered the last scrape (1) or not (0)",
            self.census.clone(),
        );
    }
}

/// Labels whose values are all words of ours.
pub(super) fn labels<const N: usize>(labels: [(&'static str, &'static str); N]) -> Labels<N> {
    labels.map(|(name, value)| (name, word(value)))
}

pub(super) fn word(word: &'static str) -> Cow<'static, str> {
    Cow::Borrowed(word)
}

pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Removed => "removed",
    }
}
