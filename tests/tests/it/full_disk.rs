//! No room at the embedded store.

use std::path::Path;
use std::time::Duration;

use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform};
use sluicegate_tests::small_disk::SmallDisk;
use sluicegate_tests::wait::wait_for;

use crate::shared;

/// Whose the bucket is, as a sweep may note at any time.
const MARKER: &str = "sluicegate-database";

fn files(bucket: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(bucket)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != MARKER)
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_full_disk_is_a_clear_refusal_and_leaves_nothing() {
    let platform = Platform::start(Options::default()).await.unwrap();
    let bucket = platform.data().join("objects/sluicegate");
    let Some(disk) = SmallDisk::mount(&bucket, 2) else {
        shared::skip("full_disk", "no file system can be mounted here");
        return platform.stop().await.unwrap();
    };
    let client = platform
        .client()
        .unwrap()
        .sign_up("disk_filler")
        .await
        .unwrap()
        .0;
    let photo = fixtures::read("photo.jpg").unwrap();
    let upload = client.upload_ok("avatar", photo.clone()).await.unwrap();
    client.wait_until_ready(upload.id).await.unwrap();

    let made = format!("media%2F{}.webp", upload.id);
    wait_for("the sent file to go", Duration::from_secs(30), async || {
        Ok((files(&bucket) == [made.as_str()]).then_some(()))
    })
    .await
    .unwrap();

    let ballast = disk.fill().unwrap();
    let full = client.upload("avatar", photo.clone()).await.unwrap();
    full.expect_problem(503, "unavailable").unwrap();
    assert!(!full.header("retry-after").is_empty());
    assert_eq!(files(&bucket), [".ballast", &made], "half a file stayed");

    drop(ballast);
    let next = client.upload_ok("avatar", photo).await.unwrap();
    client.wait_until_ready(next.id).await.unwrap();
    platform.stop().await.unwrap();
    drop(disk);
}
