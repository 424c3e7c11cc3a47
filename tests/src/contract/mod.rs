//! What edge and origin say to each other, recorded for each version of the contract and kept in
//! `tests/contract/v<version>`.
//!
//! [`record`] makes the recordings from a running platform. Today's origin is held against them in
//! `origin/api/tests/it/contract.rs`, today's edge in `tests/tests/it/contract.rs`.

pub mod events;
mod names;
pub mod recorder;
pub mod recording;
mod scenario;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sluicegate_contract::headers::CONTRACT_VERSION;

use crate::detector::Detector;
use crate::fixtures;
use crate::platform::{Options, Platform, STOP_LIMIT};
use crate::proxy::Proxy;
use names::Naming;
use recorder::Recorder;
use recording::{Request, Step};
use scenario::Scenario;

/// The folder of the scenario that is kept beside the folders of the others.
const FIRST: &str = ".";
/// Of the one where pictures are held back.
const STRICT: &str = "strict";
/// Of the one where uploads are repeated.
const REPEATS: &str = "repeats";
/// Of the one where quotas are used up.
const QUOTAS: &str = "quotas";
/// Of the one where a profile changes.
const PROFILE: &str = "profile";
/// Of the one where a client waits.
const WAITING: &str = "waiting";
/// Of the one with posts on more than a page.
const PAGES: &str = "pages";
/// All of them. Whoever adds one says in `origin/api/tests/it/contract.rs` for which settings it is.
const FOLDERS: [&str; 7] = [FIRST, STRICT, REPEATS, QUOTAS, PROFILE, WAITING, PAGES];

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

/// Goes through the scenarios on a real platform, and writes what was said into the folders of the current
/// version: all of them, or `only` some, named by their folder.
pub async fn record(only: &[String]) -> Result<()> {
    let unknown = only
        .iter()
        .find(|folder| !FOLDERS.contains(&folder.as_str()));
    if let Some(folder) = unknown {
        bail!("{folder} is none of {}", FOLDERS.join(", "));
    }
    let platform = Platform::start(without_workers()).await?;
    // The store's name is signed, so an origin of its own hands out addresses at the proxy.
    let store = Proxy::start(&platform.store_url).await?;
    // Never asked; where there is one, pictures are held back.
    let detector = Detector::start().await?;
    let is_wanted = |folder: &&str| only.is_empty() || only.iter().any(|one| one == folder);
    for folder in FOLDERS.into_iter().filter(is_wanted) {
        let settings = settings(folder, &detector);
        let steps = steps(&platform, &store, folder, &settings).await?;
        write(&self::folder(CONTRACT_VERSION).join(folder), &steps)?;
    }
    platform.stop().await
}

/// Of an origin that a scenario is for.
fn settings<'a>(folder: &str, detector: &'a Detector) -> Vec<(&'static str, &'a str)> {
    match folder {
        STRICT => vec![
            ("MODERATION_IMAGE_SERVICE_URL", &detector.url),
            ("MODERATION_IMAGE_ASYNC", "true"),
            ("MODERATION_IMAGE_GATE", "strict"),
        ],
        QUOTAS => vec![
            ("S3_PUBLIC_ENDPOINT", "same"),
            ("LIMIT_OPEN_TICKETS", scenario::OPEN_TICKETS),
            ("STAGING_BUDGET_BYTES", scenario::STAGING_BUDGET),
        ],
        _ => vec![("S3_PUBLIC_ENDPOINT", "same")],
    }
}

/// Nothing happens but what is asked for, as where the recordings are replayed: no answer depends on who is faster.
fn without_workers() -> Options {
    Options {
        no_workers: true,
        ..Options::default()
    }
}

/// What is said on the way to an origin with these settings.
async fn steps(
    platform: &Platform,
    store: &Proxy,
    folder: &str,
    settings: &[(&str, &str)],
) -> Result<Vec<Step>> {
    let mut options = without_workers().setting("S3_EDGE_ENDPOINT", &store.url);
    for (name, value) in settings {
        options = options.setting(name, value);
    }
    options.settings.extend(platform.store_settings()?);
    let front = platform.start_second(options, &store.url).await?;
    let recorder = Recorder::start(&front.origin_url).await?;
    let (edge, edge_url) = front.start_another_edge(&recorder.url).await?;
    let scenario = Scenario::new(&edge_url, store, &recorder)?;
    let steps = scenario.run(folder).await?;
    edge.stop(STOP_LIMIT).await?;
    front.stop().await?;
    Ok(steps)
}

fn write(folder: &Path, steps: &[Step]) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "json") {
            std::fs::remove_file(&path).context("cannot take an old recording away")?;
        }
    }
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
