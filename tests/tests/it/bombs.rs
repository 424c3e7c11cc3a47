//! Files that pass the edge's look at their beginning, and turn out to be something else when they are decoded.

use sluicegate_contract::uploads::UploadState;
use sluicegate_tests::client::Client;
use sluicegate_tests::fixtures;

use crate::shared;

/// Uploads it and waits until the worker is through with it.
async fn end_of(client: &Client, file: Vec<u8>) -> (UploadState, Option<String>, String) {
    let upload = client.upload_ok("post_header", file).await.unwrap();
    let ends = [
        UploadState::Ready,
        UploadState::Rejected,
        UploadState::Failed,
    ];
    let ended =
        client.wait_for_upload(upload.id, "through", |upload| ends.contains(&upload.status));
    let ended = ended.await.unwrap();
    (ended.status, ended.reason, ended.url)
}

#[tokio::test]
async fn what_only_decoding_reveals_is_never_served_and_stops_nobody() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "bomb_thrower").await.unwrap();
    let other = shared::somebody(&platform, "bomb_bystander").await.unwrap();
    let photo = fixtures::read("photo.jpg").unwrap();
    let mut page = photo[..photo.len() / 2].to_vec();
    page.extend_from_slice(b"<html><script>alert(1)</script>");
    let thrown = async {
        for (what, file) in [
            (
                "a photo that was cut",
                fixtures::read("truncated.jpg").unwrap(),
            ),
            ("half a photo, then a page", page),
        ] {
            let (status, reason, url) = end_of(&client, file.clone()).await;
            assert_eq!(status, UploadState::Rejected, "{what}");
            assert_eq!(reason.as_deref(), Some("truncated"), "{what}");
            let answer = client.get(&url).await.unwrap();
            assert!(answer.status.is_client_error(), "{what}: {}", answer.status);
            assert!(!answer.body.starts_with(&file[..64]), "{what}");
        }
    };
    let ((status, _, url), ()) = tokio::join!(end_of(&other, photo), thrown);
    assert_eq!(
        status,
        UploadState::Ready,
        "somebody else's photo, meanwhile"
    );
    client.get(&url).await.unwrap().expect_status(200).unwrap();
}

#[tokio::test]
async fn what_inflates_or_tells_too_much_is_served_as_plain_pixels() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "bomb_teller").await.unwrap();
    let traces = [
        &b"-trace"[..],
        b"Exif",
        b"EXIF",
        b"adobe",
        b"ICCP",
        b"acsp",
        b"8BIM",
    ];
    for name in ["bomb-chunks.png", "tagged.jpg"] {
        let file = fixtures::read(name).unwrap();
        let (status, reason, url) = end_of(&client, file).await;
        assert_eq!(status, UploadState::Ready, "{name}: {reason:?}");
        let served = client.get(&url).await.unwrap();
        served.expect_status(200).unwrap();
        assert_eq!(served.header("content-type"), "image/webp");
        for trace in traces {
            let holds = served.body.windows(trace.len()).any(|part| part == trace);
            assert!(!holds, "{name}: {}", String::from_utf8_lossy(trace));
        }
    }
}
