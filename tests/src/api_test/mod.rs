//! Holds the answers of a running platform against its OpenAPI document.
//!
//! The requests are made by schemathesis, a program of its own: from the document that the edge serves, good
//! ones and bad ones, with an account's token and with names of things that exist. Every answer must be one
//! that the document announces: its status, its content type and its form. No answer may be a server's error.

mod report;
mod schemathesis;
mod things;

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::Value;

use crate::detector::Detector;
use crate::platform::{Options as PlatformOptions, Platform};
use report::Report;
use things::Things;

/// What is run.
pub struct Options {
    /// The program `schemathesis`.
    pub schemathesis: PathBuf,
    /// Requests of each phase that are made of one operation, at most.
    pub examples: u32,
    /// The same seed makes the same requests.
    pub seed: u64,
}

impl Options {
    /// From a program's arguments: the program, the number of examples, the seed.
    pub fn read(arguments: &mut impl Iterator<Item = String>) -> Result<Self> {
        let mut next = |what: &'static str| arguments.next().context(what);
        Ok(Self {
            schemathesis: std::path::absolute(next("the path of schemathesis")?)?,
            examples: next("the number of examples")?.parse()?,
            seed: next("the seed")?.parse()?,
        })
    }
}

/// Tests all operations of the document through the edge, on a platform where nothing judges and on one where
/// everything is judged first.
pub async fn run(options: &Options) -> Result<()> {
    // Direct uploads are a part of the document: they are on. One account asks faster here than any person does.
    let open = PlatformOptions::default()
        .setting("S3_PUBLIC_ENDPOINT", "same")
        .setting("RATE_ACCOUNT_READS", "0")
        .setting("RATE_ACCOUNT_WRITES", "0")
        .setting("RATE_ACCOUNT_UPLOADS", "0")
        .setting("RATE_ACCOUNT_POSTS", "0")
        .setting("RATE_ACCOUNT_LISTS", "0");
    println!("\nOpen gate, no detector:");
    test(options, open.clone()).await?;
    let detector = Detector::start().await?;
    let strict = open
        .setting("MODERATION_IMAGE_GATE", "strict")
        .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
        .setting("MODERATION_IMAGE_ASYNC", "false")
        .setting("MODERATION_CONTENT_ASYNC", "false");
    println!("\nStrict gate, a detector that is asked before the answer:");
    test(options, strict).await?;
    ensure!(detector.judged() > 0, "the detector was never asked");
    Ok(())
}

async fn test(options: &Options, settings: PlatformOptions) -> Result<()> {
    let platform = Platform::start(settings).await?;
    let document: Value = platform
        .client()?
        .call(Method::GET, "/openapi.json")
        .await?
        .expect(200)?;
    let things = Things::make(&platform).await?;
    let (exchanges, as_announced) =
        schemathesis::run(options, &platform, &document, &things).await?;
    let report = Report::new(&document, &exchanges)?;
    println!("\n{report}");
    if !as_announced {
        print_faults(&platform);
        bail!("schemathesis found what is listed above");
    }
    report.must_be_whole()?;
    things.are_still_there().await?;
    platform.stop().await
}

/// What the programs logged of it.
fn print_faults(platform: &Platform) {
    let origin = platform
        .origin
        .iter()
        .flat_map(crate::process::Program::output);
    let lines = origin.chain(platform.edge.output());
    for line in lines.filter(|line| line.contains("ERROR") || line.contains("panicked")) {
        println!("{line}");
    }
}
