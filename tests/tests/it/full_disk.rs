//! No room at the embedded store.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform};
use sluicegate_tests::wait::wait_for;

use crate::shared;

/// A small file system over a folder; gone with the value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(folder)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

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
    let Some(disk) = SmallDisk::mount(&bucket) else {
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

    let ballast = bucket.join(".ballast");
    let mut filling = std::fs::File::create(&ballast).unwrap();
    while filling.write_all(&[0; 4_096]).is_ok() {}
    drop(filling);
    let full = client.upload("avatar", photo.clone()).await.unwrap();
    full.expect_problem(503, "unavailable").unwrap();
    assert!(!full.header("retry-after").is_empty());
    assert_eq!(files(&bucket), [".ballast", &made], "half a file stayed");

    std::fs::remove_file(&ballast).unwrap();
    let next = client.upload_ok("avatar", photo).await.unwrap();
    client.wait_until_ready(next.id).await.unwrap();
    platform.stop().await.unwrap();
    drop(disk);
}
