//! What edge and origin say to each other, recorded for each version of the contract and kept in
//! `tests/contract/v<version>`.
//!
//! [`record`] makes the recordings from a running platform. Today's origin is held against them in
//! `origin/api/tests/it/contract.rs`, today's edge in `tests/tests/it/contract.rs`.

mod names;
pub mod recorder;
pub mod recording;
mod scenario;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sluicegate_contract::headers::CONTRACT_VERSION;

use crate::detector::Detector;
use crate::fixtures;
use crate::platform::{Options, Platform, STOP_LIMIT};
use crate::proxy::Proxy;
use names::Naming;
use recorder::Recorder;
use recording::{Request, Step};
use scenario::Scenario;

/// The folder in that of a version for what is said where pictures are held back.
pub const STRICT: &str = "strict";

/// Where the recordings of a version are.
pub fn folder(version: &str) -> PathBuf {
    let contract = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("contract");
    contract.join(format!("v{version}"))
}

/// What the client sent: a fixture, alone or in a form, or JSON.
pub fn body(request: &Request) -> Result<Vec<u8>> {
    let Some(file) = &request.file else {
        return Ok(if request.json.is_null() {
            Vec::new()
        } else {
            request.json.to_string().into_bytes()
        });
    };
    let file = fixtures::read(file)?;
    let content_type = request.headers.get("content-type");
    let form = content_type.and_then(|value| value.strip_prefix(scenario::FORM));
    Ok(match form {
        Some(boundary) => fixtures::form(boundary, &file),
        None => file,
    })
}

/// Goes through the scenarios on a real platform, and writes what was said into the folder of the current
/// version.
pub async fn record() -> Result<()> {
    let platform = Platform::start(Options::default()).await?;
    // The store's name is signed, so an origin of its own hands out addresses at the proxy.
    let store = Proxy::start(&platform.store_url).await?;
    let options = Options::default()
        .setting("S3_EDGE_ENDPOINT", &store.url)
        .setting("S3_PUBLIC_ENDPOINT", "same");
    let steps = steps(&platform, &store, options, false).await?;
    let folder = folder(CONTRACT_VERSION);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("cannot take the old recordings away")?;
    }
    write(&folder, &steps)?;

    // Nobody judges: pictures stay held back.
    let detector = Detector::start().await?;
    detector.set_down(true);
    let options = Options::default()
        .setting("S3_EDGE_ENDPOINT", &store.url)
        .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
        .setting("MODERATION_IMAGE_ASYNC", "true")
        .setting("MODERATION_IMAGE_GATE", "strict");
    let steps = self::steps(&platform, &store, options, true).await?;
    write(&folder.join(STRICT), &steps)?;
    platform.stop().await
}

/// What is said on the way to an origin with these settings.
async fn steps(
    platform: &Platform,
    store: &Proxy,
    mut options: Options,
    strict: bool,
) -> Result<Vec<Step>> {
    options.settings.extend(platform.store_settings()?);
    let front = platform.start_second(options, &store.url).await?;
    let recorder = Recorder::start(&front.origin_url).await?;
    let (edge, edge_url) = front.start_another_edge(&recorder.url).await?;
    let scenario = Scenario::new(&edge_url, &front.origin_url, store, &recorder)?;
    let steps = if strict {
        scenario.strict().await?
    } else {
        scenario.run().await?
    };
    edge.stop(STOP_LIMIT).await?;
    front.stop().await?;
    Ok(steps)
}

fn write(folder: &Path, steps: &[Step]) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut naming = Naming::default();
    for (number, step) in steps.iter().enumerate() {
        let step = naming.step(step);
        let file = format!("{:02}-{}.json", number + 1, step.name.replace(' ', "-"));
        let mut text = serde_json::to_string_pretty(&step)?;
        text.push('\n');
        std::fs::write(folder.join(&file), text)?;
        println!("{file}: {} exchanges with the origin", step.origin.len());
    }
    Ok(())
}
