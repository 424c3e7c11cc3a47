//! No more files wait in the store than the staging budget has room for.

use std::time::Duration;

use sluicegate_contract::limits::PICTURE_BYTES;
use sluicegate_contract::uploads::Upload;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::wait::wait_for;

/// Many times what it takes to make pictures, and to sum up what waits.
const LIMIT: Duration = Duration::from_mins(2);

/// More than a third of the budget.
fn large() -> Vec<u8> {
    let mut file = fixtures::read("photo.jpg").unwrap();
    // What follows the end of a JPEG is no part of the picture.
    file.resize(4 << 20, 0);
    file
}

#[tokio::test]
async fn files_beyond_the_budget_are_refused_until_pictures_are_made() {
    let options = Options {
        no_workers: true,
        ..Options::default()
    };
    let options = options.setting("STAGING_BUDGET_BYTES", &PICTURE_BYTES.to_string());
    let platform = Platform::start(options).await.unwrap();
    let client = platform.client().unwrap().sign_up("budget").await.unwrap();
    let client = client.0;
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let sent = client.upload("avatar", large()).await.unwrap();
        waiting.push(sent.expect::<Upload>(201).unwrap().id);
    }
    let refused = client.upload("avatar", large()).await.unwrap();
    refused.expect_problem(503, "storage-full").unwrap();
    assert_eq!(refused.header("retry-after"), "30");
    // Something small still fits, and what is refused keeps no ticket open and nothing in the store.
    let small = fixtures::read("photo.jpg").unwrap();
    waiting.push(client.upload_ok("avatar", small).await.unwrap().id);
    let staged = platform.objects("staging").unwrap();
    assert_eq!(staged.len(), waiting.len());

    let worker = platform.start_worker().await.unwrap();
    for id in waiting {
        client.wait_until_ready(id).await.unwrap();
    }
    wait_for("room", LIMIT, async || {
        let sent = client.upload("avatar", large()).await?;
        Ok((sent.status == 201).then_some(()))
    })
    .await
    .unwrap();
    worker.stop(STOP_LIMIT).await.unwrap();
    platform.stop().await.unwrap();
}
