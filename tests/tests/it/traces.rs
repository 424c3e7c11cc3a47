//! One trace from the edge's request through the origin and the job to the verdict.

use std::time::Duration;

use sluicegate_tests::collector::{Collector, SpanSeen};
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform};
use sluicegate_tests::wait::wait_for;

const LIMIT: Duration = Duration::from_secs(30);
const EDGE: &str = "sluicegate-edge";
const ORIGIN: &str = "sluicegate-origin";

/// What happens to an upload: who says so, what, and below whose span.
const STEPS: [(&str, &str, Option<&str>); 9] = [
    (EDGE, "POST /v1/uploads", None),
    (EDGE, "POST", Some("POST /v1/uploads")),
    (ORIGIN, "POST /edge/v1/upload-tickets", Some("POST")),
    (EDGE, "PUT", Some("POST /v1/uploads")),
    (ORIGIN, "POST /v1/uploads/{id}/complete", Some("POST")),
    (
        ORIGIN,
        "job image-moderation",
        Some("POST /v1/uploads/{id}/complete"),
    ),
    (ORIGIN, "picture", Some("job image-moderation")),
    (ORIGIN, "object_store put", Some("job image-moderation")),
    (ORIGIN, "detector", Some("job image-moderation")),
];

#[tokio::test]
async fn one_trace_goes_from_the_edge_to_the_verdict() {
    let collector = Collector::start().await.unwrap();
    let detector = Detector::start().await.unwrap();
    let options = Options {
        // By OpenTelemetry's own variable, as operators name the collector to all their programs.
        edge_environment: vec![(
            "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(),
            collector.url.clone(),
        )],
        ..Options::default()
            .setting("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)
            .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
            .setting("MODERATION_IMAGE_ASYNC", "true")
    };
    let platform = Platform::start(options).await.unwrap();
    let person = platform.client().unwrap().sign_up("ada").await.unwrap().0;
    let photo = fixtures::read("photo.jpg").unwrap();
    let upload = person.upload_ok("avatar", photo).await.unwrap();
    person.wait_for_verdict(upload.id).await.unwrap();
    let media = format!("/media/{}", upload.key);
    person
        .get(&media)
        .await
        .unwrap()
        .expect_status(200)
        .unwrap();

    let spans = wait_for("all spans of the upload", LIMIT, async || {
        Ok(whole(&collector.spans()))
    });
    let spans = spans.await;
    let spans = spans.unwrap_or_else(|error| panic!("{error}: {:#?}", collector.spans()));
    let ids = |span: &SpanSeen| (span.service.clone(), span.name.clone());
    for (service, name, above) in STEPS {
        let found = spans.iter().find(|span| {
            let parent = spans.iter().find(|parent| parent.id == span.parent);
            (
                &*span.service,
                &*span.name,
                parent.map(|parent| &*parent.name),
            ) == (service, name, above)
        });
        let all: Vec<_> = spans.iter().map(ids).collect();
        assert!(
            found.is_some(),
            "no {name} of {service} below {above:?} in {all:?}"
        );
    }
    let shown = wait_for("the picture's request", LIMIT, async || {
        let spans = collector.spans();
        let shown = spans.iter().find(|span| span.name == "GET /media/...");
        Ok(shown.map(|shown| below(&spans, shown)))
    });
    let shown = shown.await.unwrap();
    assert_eq!(shown, ["GET", "GET"], "the grant and the picture");
    platform.stop().await.unwrap();
}

/// The spans of the one trace that has an upload, once all of them came.
fn whole(spans: &[SpanSeen]) -> Option<Vec<SpanSeen>> {
    let root = spans.iter().find(|span| span.name == "POST /v1/uploads")?;
    let all: Vec<_> = spans
        .iter()
        .filter(|span| span.trace == root.trace)
        .cloned()
        .collect();
    let has_all = STEPS.iter().all(|(service, name, _)| {
        let mut all = all.iter();
        all.any(|span| (&*span.service, &*span.name) == (*service, *name))
    });
    has_all.then_some(all)
}

fn below(spans: &[SpanSeen], above: &SpanSeen) -> Vec<String> {
    let children = spans.iter().filter(|span| span.parent == above.id);
    children.map(|span| span.name.clone()).collect()
}
