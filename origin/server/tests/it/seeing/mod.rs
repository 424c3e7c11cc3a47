//! A whole run of the real program, and what can be seen of it: traces, metrics, and the queries of the dashboard
//! and the alerts.

mod collector;
mod people;
pub(crate) mod program;
mod promql;
pub(crate) mod stand_in;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::doctor;

use collector::{Collector, SpanSeen};
use people::Person;
use program::Program;
pub(crate) use promql::Exposition;
use promql::queries_of;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// As an edge sends it.
const PARENT: &str = "00f067aa0ba902b7";

fn repository(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(file)).expect("is there")
}

fn operations(file: &str) -> String {
    repository(&format!("docs/operations/{file}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_run_is_seen() {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let data = program::data_folder();
    let collector = Collector::start().await;
    let detector = stand_in::detector().await;
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2"),
        ("MODERATION_IMAGE_SERVICE_URL", detector.as_str()),
        ("MODERATION_IMAGE_ASYNC", "true"),
        // Traces do not hang on what is logged.
        ("RUST_LOG", "warn"),
    ];
    let program = Program::start(data.path(), &settings).await;
    let ada = Person::sign_up(&program.url, "ada").await;
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    ada.upload("photo.jpg", &traceparent).await;
    ada.upload("truncated.jpg", "").await;
    ada.post("Hello from the sluice.").await;
    ada.get("/v1/no-such-thing", 404).await;
    let exposition = program.metrics_when(judged).await;
    the_doctor_finds_it_well(data.path(), &settings);
    // Stopping sends what is left.
    let log = program.stop().await;
    assert!(!log.contains("hunter2"), "{log}");

    one_trace(&collector.spans(), &collector.headers());
    the_run_is_counted(&exposition);
    let lost = exposition.value("sluicegate_spans_lost_total", &[]);
    assert_eq!(lost, Some(0.0));
    every_query_asks_for_what_is_there(&exposition);
}

const POST_DONE: [(&str, &str); 2] = [("queue", "post-processing"), ("outcome", "done")];
/// Jobs, and something that each of them counts.
const SWEPT: [(&str, &str); 3] = [
    ("sweep", "orphans"),
    ("prune", "devices"),
    ("erase-accounts", "accounts"),
];

/// All that was sent has its verdict, and the refused picture its reason.
fn judged(seen: &Exposition) -> bool {
    let count = |name, labels: &[_]| seen.value(name, labels).unwrap_or_default();
    count("sluicegate_verdicts_total", &[("stage", "image")]) >= 1.0
        && count("sluicegate_verdicts_total", &[("stage", "stage1")]) >= 1.0
        && count("sluicegate_picture_failures_total", &[]) >= 1.0
        && count("sluicegate_job_attempt_duration_seconds_count", &POST_DONE) >= 1.0
        && SWEPT.iter().all(|(job, what)| {
            let swept = [("job_name", *job), ("what", *what)];
            seen.value("sluicegate_swept_total", &swept).is_some()
        })
}

fn one_trace(spans: &[SpanSeen], headers: &[String]) {
    let of_trace: Vec<_> = spans.iter().filter(|span| span.trace == TRACE).collect();
    let named = |name: &str| {
        let found = of_trace.iter().find(|span| span.name == name);
        *found.unwrap_or_else(|| panic!("no span {name:?} in {of_trace:#?}"))
    };
    let complete = named("POST /v1/uploads/{id}/complete");
    let job = named("job image-moderation");
    let (picture, detector) = (named("picture"), named("detector"));
    assert_eq!(complete.parent, PARENT, "the edge's request caused it");
    assert_eq!(job.parent, complete.span, "the request caused the job");
    assert_eq!(picture.parent, job.span);
    assert_eq!(detector.parent, job.span);
    assert_eq!((complete.kind, job.kind, detector.kind), (2, 5, 3));
    assert!(job.began >= complete.began && detector.ended <= job.ended + 1_000_000);
    let ids: BTreeSet<_> = spans.iter().map(|span| &span.span).collect();
    assert_eq!(ids.len(), spans.len(), "no id is used twice");
    assert!(headers.iter().all(|key| key == "hunter2") && !headers.is_empty());
}

fn the_run_is_counted(seen: &Exposition) {
    let buckets = seen.values("http_server_request_duration_seconds_bucket", "le");
    assert_eq!(buckets, BTreeSet::from(promql::REQUEST_BUCKETS));
    let route = [
        ("http_request_method", "POST"),
        ("http_route", "/v1/uploads/{id}/complete"),
        ("http_response_status_code", "201"),
    ];
    assert_eq!(
        seen.value("http_server_request_duration_seconds_count", &route),
        Some(2.0)
    );
    let lost = [("http_route", ""), ("http_response_status_code", "404")];
    assert!(seen.value("http_server_request_duration_seconds_count", &lost) >= Some(1.0));
    assert!(
        !seen.text.contains("no-such-thing"),
        "a client's path is a label"
    );
    let passed = [("stage", "image"), ("outcome", "passed")];
    assert_eq!(seen.value("sluicegate_verdicts_total", &passed), Some(1.0));
    let safe = [("kind", "picture"), ("outcome", "safe")];
    assert_eq!(
        seen.value("sluicegate_detector_duration_seconds_count", &safe),
        Some(1.0)
    );
    let truncated = [("reason", "truncated")];
    assert_eq!(
        seen.value("sluicegate_picture_failures_total", &truncated),
        Some(1.0)
    );
    let made = [("recipe", "avatar"), ("outcome", "made")];
    assert_eq!(
        seen.value("sluicegate_picture_duration_seconds_count", &made),
        Some(1.0)
    );
    assert_eq!(
        seen.value("sluicegate_job_attempt_duration_seconds_count", &POST_DONE),
        Some(1.0)
    );
    // The picture, and whose the bucket is.
    let put = [("operation", "put"), ("outcome", "ok")];
    assert_eq!(
        seen.value("sluicegate_object_store_duration_seconds_count", &put),
        Some(2.0)
    );
    for (job, what) in SWEPT {
        let swept = [("job_name", job), ("what", what)];
        assert_eq!(seen.value("sluicegate_swept_total", &swept), Some(0.0));
    }
    let configured = |kind| seen.value("sluicegate_detector_configured", &[("kind", kind)]);
    assert_eq!(
        (configured("picture"), configured("text")),
        (Some(1.0), Some(0.0))
    );
    assert_eq!(seen.value("sluicegate_database_up", &[]), Some(1.0));
    for queue in ["image-moderation", "post-processing"] {
        let age = seen.value(
            "sluicegate_job_oldest_ready_age_seconds",
            &[("queue", queue)],
        );
        assert!(age.is_some(), "{queue}");
    }
    assert!(seen.value("process_resident_memory_bytes", &[]) > Some(1e6));
    assert!(seen.value("sluicegate_database_connections_max", &[]) == Some(16.0));
}

fn the_doctor_finds_it_well(data: &Path, settings: &[(&str, &str)]) {
    let (checks, _) = doctor::checks(data, settings);
    doctor::assert_fit(&checks);
    for name in [
        "database",
        "database's clock",
        "jobs",
        "limits and caches",
        "objects",
        "presigned uploads",
        "store's clock",
        "picture detector",
        "trace collector",
        "decoder's lock-down",
    ] {
        assert_eq!(doctor::check(&checks, name)["state"], "ok", "{checks:#?}");
    }
}

/// Names and labels of everything that the dashboard, the alerts and KEDA ask of an origin.
fn every_query_asks_for_what_is_there(seen: &Exposition) {
    let dashboard: Value =
        serde_json::from_str(&operations("grafana-dashboard.json")).expect("is JSON");
    let mut queries = queries_of(&dashboard);
    let alerts = operations("alerts.yaml");
    queries.extend(promql::expressions(&alerts));
    assert!(queries.len() > 30, "{} queries", queries.len());
    let scaled = repository("deploy/k8s/overlays/keda/scaledobjects.yaml");
    let asked = scaled
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("query: "));
    let asked: Vec<_> = asked.map(str::to_owned).collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
    queries.extend(asked);
    // The black-box tests ask edges, too.
    let seen = [("sluicegate-origin", Some(seen)), ("sluicegate-edge", None)];
    let mut wrong = BTreeMap::new();
    for query in &queries {
        if let Err(error) = promql::check(query, &seen) {
            wrong.insert(query, error);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A collector that is down, and metrics that are off, are nobody's business but theirs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_collector_everything_goes_on() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let data = program::data_folder();
    let settings = [
        // Port 9 (discard): nobody listens there.
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
        ("METRICS_LISTEN", "off"),
    ];
    let program = Program::start(data.path(), &settings).await;
    assert_eq!(program.metrics_url, None);
    let ada = Person::sign_up(&program.url, "ada").await;
    ada.get("/v1/me", 200).await;
    let ready = ada.get("/readyz", 200).await;
    assert_eq!(
        ready["checks"]["picture_detector"],
        "none: pictures stay unreviewed"
    );
    program.wait_for_log("cannot send traces").await;
    ada.get("/v1/me", 200).await;
    program.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_that_no_collector_took_are_counted() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let data = program::data_folder();
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")];
    let program = Program::start(data.path(), &settings).await;
    Person::sign_up(&program.url, "ada").await;
    let lost = |seen: &Exposition| seen.value("sluicegate_spans_lost_total", &[]);
    program
        .metrics_when(|seen| lost(seen).is_some_and(|lost| lost >= 1.0))
        .await;
    program.stop().await;
}
