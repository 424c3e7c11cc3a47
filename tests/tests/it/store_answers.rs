//! A store that breaks off in the middle of an upload or of a download, or fails by itself. Clients are told so, and
//! never take a part for the whole.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_contract::uploads::UploadState;
use sluicegate_tests::answers::Answers;
use sluicegate_tests::client::Client;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::Platform;
use sluicegate_tests::proxy::Action;
use sluicegate_tests::wait::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::store_faults::{Line, id_in, line};
use crate::{raw, shared};

const LIMIT: Duration = Duration::from_mins(1);

/// Sends a photo while the proxy does that to its PUT; the client is told of a store that broke, the ticket no
/// longer counts, and the store has nothing.
async fn fails(line: &Line, action: Action) {
    let mut seen = line.proxy.on("PUT /", action);
    let (client, photo) = (line.client.clone(), fixtures::read("photo.jpg").unwrap());
    let sending = tokio::spawn(async move { client.upload("avatar", photo).await.unwrap() });
    let put = within("the PUT", LIMIT, seen.recv()).await.unwrap();
    let id = id_in(&put.expect("the proxy runs"));
    if let Action::CutAfter(_) = action {
        let cut = within("the cut", LIMIT, seen.recv()).await.unwrap();
        assert_eq!(cut.as_deref(), Some("cut"));
    }
    let answer = sending.await.unwrap();
    answer.expect_problem(502, "bad-gateway").unwrap();
    let state = line.client.upload_state(id).await.unwrap().status;
    assert_eq!(state, UploadState::Expired, "the ticket was given back");
    for folder in ["staging", "media"] {
        let mut kept = line.platform.objects(folder).unwrap().into_iter();
        let of_it = kept.find(|object| object.to_string_lossy().contains(&id.to_string()));
        assert_eq!(of_it, None, "something of the upload is in the store");
    }
    line.is_unharmed(id).await;
}

#[tokio::test]
async fn a_store_that_fails_or_cuts_an_upload_is_a_bad_gateway_and_costs_no_ticket() {
    let line = line("store_broke").await;
    fails(&line, Action::Answer("500 Internal Server Error")).await;
    for bytes in [10_000, 80_000] {
        fails(&line, Action::CutAfter(bytes)).await;
    }
    line.front.stop().await.unwrap();
}

/// What came of a GET, byte by byte.
struct Got {
    status: u16,
    /// What the head says of the body's length.
    length: usize,
    body: Vec<u8>,
}

async fn fetch(edge: &str, path: &str) -> Got {
    let mut stream = raw::connect(edge).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // It may end with a reset: what counts is what came before.
    let reading = stream.read_to_end(&mut answer);
    let _ = within("the end of the answer", LIMIT, reading)
        .await
        .unwrap();
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n");
    let body = answer.split_off(end.expect("a head") + 4);
    let head = String::from_utf8(answer).unwrap().to_lowercase();
    let length = head
        .lines()
        .find_map(|l| l.strip_prefix("content-length: "));
    Got {
        status: head[9..12].parse().unwrap(),
        length: length.expect("a length").parse().unwrap(),
        body,
    }
}

/// A store whose answers are cut, and a picture in it.
struct Download {
    store: Answers,
    front: Platform,
    client: Client,
    url: String,
    whole: Vec<u8>,
    _platform: Arc<Platform>,
}

async fn download(handle: &str, stall: &str) -> Download {
    let platform = shared::platform().await.unwrap();
    let store = Answers::start(&platform.store_url).await.unwrap();
    // The host is signed, so an origin of its own hands out URLs with the proxy's name.
    let mut options = shared::options().setting("S3_EDGE_ENDPOINT", &store.url);
    options.settings.extend(platform.store_settings().unwrap());
    options.edge_arguments = vec!["--stall-timeout".to_owned(), stall.to_owned()];
    let front = platform.start_second(options, &store.url).await.unwrap();
    let client = front.sign_up(handle).await.unwrap();
    let photo = fixtures::read("photo.jpg").unwrap();
    let upload = client.upload_ok("post_header", photo).await.unwrap();
    let url = client.wait_until_ready(upload.id).await.unwrap().url;
    let whole = fetch(&front.edge_url, &url).await;
    assert_eq!((whole.status, whole.body.len()), (200, whole.length));
    assert!(whole.length > 2 * PART, "{} bytes only", whole.length);
    Download {
        store,
        front,
        client,
        url,
        whole: whole.body,
        _platform: platform,
    }
}

impl Download {
    /// What comes after a failure is the picture.
    async fn is_whole_again(&self) {
        let again = self.client.get(&self.url).await.unwrap();
        again.expect_status(200).unwrap();
        assert!(again.body == self.whole, "another picture");
    }
}

/// Well within the body.
const PART: usize = 10_000;

#[tokio::test]
async fn a_download_that_the_store_cuts_is_never_a_whole_one() {
    let download = download("store_cut_get", "60").await;
    for after in [0, 20, PART] {
        let mut seen = download.store.cut("GET /", after);
        let getting = tokio::spawn({
            let (edge, url) = (download.front.edge_url.clone(), download.url.clone());
            async move { fetch(&edge, &url).await }
        });
        let told = within("the cut", LIMIT, seen.recv()).await.unwrap();
        told.expect("the store was asked");
        drop(seen);
        let got = getting.await.unwrap();
        if after < PART {
            // There was no head yet.
            assert_eq!(got.status, 502, "cut after {after} bytes");
            assert_eq!(got.body.len(), got.length);
        } else {
            is_a_part(&got, &download.whole);
        }
        download.is_whole_again().await;
    }
    download.front.stop().await.unwrap();
}

#[tokio::test]
async fn a_download_that_stalls_at_the_store_ends_and_is_never_a_whole_one() {
    let download = download("store_stalled_get", "2").await;
    for after in [0, PART] {
        // It is held for as long as the receiver is there.
        let mut seen = download.store.cut("GET /", after);
        let got = within(
            "an answer",
            LIMIT,
            fetch(&download.front.edge_url, &download.url),
        );
        let got = got.await.unwrap();
        let told = seen.try_recv();
        let said = String::from_utf8_lossy(&got.body);
        assert!(told.is_ok(), "after {after}: {} {said}", got.status);
        if after == 0 {
            assert_eq!(got.status, 504);
            assert_eq!(got.body.len(), got.length);
        } else {
            is_a_part(&got, &download.whole);
        }
        drop(seen);
        download.is_whole_again().await;
    }
    download.front.stop().await.unwrap();
}

/// A client that looks at the length sees that something is missing, and what came is of the picture.
fn is_a_part(got: &Got, whole: &[u8]) {
    assert_eq!(got.status, 200);
    assert_eq!(got.length, whole.len());
    assert!(!got.body.is_empty() && got.body.len() < got.length);
    assert!(
        whole.starts_with(&got.body),
        "other bytes than the picture's"
    );
}
