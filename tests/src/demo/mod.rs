//! The demo: two people, their pictures and posts, and what the gate does with them.
//!
//! Every step states what must come out and fails if something else does, so the demo is a test too.

mod report;
mod steps;

use anyhow::Result;

use crate::detector::Detector;
use crate::platform::{Options, Platform};
use report::Report;

/// Starts a platform on free ports with a stand-in detector, goes through all steps, and stops it.
pub async fn run() -> Result<()> {
    let mut report = Report::new();
    let detector = Detector::start().await?;
    let options = Options::default()
        .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
        .setting("MODERATION_IMAGE_ASYNC", "true")
        .setting("MODERATION_CONTENT_ASYNC", "true");
    let platform = report
        .step("start the platform", Platform::start(options))
        .await?;
    report.note(&format!(
        "edge {}, origin {}",
        platform.edge_url, platform.origin_url
    ));

    let people = report
        .step("register two people", steps::register(&platform))
        .await?;
    report.title("pictures");
    steps::avatar(&mut report, &people.ada).await?;
    let header = steps::post_header(&mut report, &people.ada).await?;
    steps::wrong_name(&mut report, &people.ben).await?;
    report.title("what is turned away");
    report
        .step("a text named .jpg: 415", steps::text_named_jpg(&people.ben))
        .await?;
    report
        .step(
            "a file over the limit: 413",
            steps::over_the_limit(&people.ben),
        )
        .await?;
    report
        .step("a truncated JPEG: rejected", steps::truncated(&people.ben))
        .await?;
    report.title("posts");
    report
        .step(
            "a post with a picture passes",
            steps::good_post(&people.ada, header),
        )
        .await?;
    report
        .step("a post that a rule removes", steps::bad_post(&people.ben))
        .await?;
    report.title("a picture that the detector calls unsafe");
    steps::unsafe_avatar(&mut report, &people.ben).await?;
    report.note(&format!(
        "the detector judged {} pictures",
        detector.judged()
    ));

    report.step("stop the platform", platform.stop()).await?;
    report.end();
    Ok(())
}
