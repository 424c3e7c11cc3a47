//! What edge and origin say to each other, recorded for each version of the contract and kept in
//! `tests/contract/v<version>`.
//!
//! [`record`] makes the recordings from a running platform. Today's origin is held against them in
//! `origin/api/tests/it/contract.rs`, today's edge in `tests/tests/it/contract.rs`.

mod names;
pub mod recorder;
pub mod recording;
mod scenario;

use std::path::PathBuf;

use anyhow::{Context, Result};
use sluicegate_contract::headers::CONTRACT_VERSION;

use crate::platform::{Options, Platform};
use crate::proxy::Proxy;
use names::Naming;
use recorder::Recorder;
use recording::Step;
use scenario::Scenario;

/// Where the recordings of a version are.
pub fn folder(version: &str) -> PathBuf {
    let contract = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("contract");
    contract.join(format!("v{version}"))
}

/// Goes through the scenario on a real platform, and writes what was said into the folder of the current
/// version.
pub async fn record() -> Result<()> {
    let platform = Platform::start(Options::default()).await?;
    // The store's name is signed, so an origin of its own hands out addresses at the proxy.
    let store = Proxy::start(&platform.store_url).await?;
    let mut options = Options::default().setting("S3_EDGE_ENDPOINT", &store.url);
    options.settings.extend(platform.store_settings()?);
    let front = platform.start_second(options, &store.url).await?;
    let recorder = Recorder::start(&front.origin_url).await?;
    let (edge, edge_url) = front.start_another_edge(&recorder.url).await?;

    let scenario = Scenario::new(&edge_url, &front.origin_url, &store, &recorder)?;
    let steps = scenario.run().await?;
    write(&steps)?;
    edge.stop(crate::platform::STOP_LIMIT).await?;
    front.stop().await?;
    platform.stop().await
}

fn write(steps: &[Step]) -> Result<()> {
    let folder = folder(CONTRACT_VERSION);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("cannot take the old recordings away")?;
    }
    std::fs::create_dir_all(&folder)?;
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
