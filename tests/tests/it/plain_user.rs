//! The whole platform as somebody who is not root.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform};
use sluicegate_tests::process::program;

use crate::shared::skip;

/// `nobody`, which every system has an entry for: without one Postgres refuses to run.
const NOBODY: u32 = 65_534;

/// Whether everybody may pass all folders above a file.
fn is_within_reach(file: &Path) -> bool {
    file.ancestors()
        .skip(1)
        .all(|folder| std::fs::metadata(folder).is_ok_and(|metadata| metadata.mode() & 0o001 != 0))
}

#[tokio::test]
async fn a_plain_user_runs_the_whole_platform() {
    const NAME: &str = "the platform as a plain user";
    if !rustix::process::geteuid().is_root() {
        return skip(
            NAME,
            "only root can become another user; all other tests ran as a plain one",
        );
    }
    if !is_within_reach(&program("sluicegate-origin").unwrap()) {
        return skip(
            NAME,
            "the programs lie in a folder that is closed to others",
        );
    }
    let options = Options {
        user: Some(NOBODY),
        ..Options::default()
    };
    let platform = Platform::start(options).await.unwrap();
    let client = platform
        .client()
        .unwrap()
        .sign_up("nobody")
        .await
        .unwrap()
        .0;
    let upload = client
        .upload_ok("avatar", fixtures::read("photo.jpg").unwrap())
        .await
        .unwrap();
    let ready = client.wait_until_ready(upload.id).await.unwrap();
    client
        .get(&ready.url)
        .await
        .unwrap()
        .expect_status(200)
        .unwrap();
    platform.stop().await.unwrap();
}
