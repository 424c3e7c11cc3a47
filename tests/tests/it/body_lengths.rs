//! Bodies that are longer or shorter than they say, or too slow: what the client sees, and that nothing of them
//! is stored.

use std::time::Duration;

use reqwest::Method;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::limits;
use sluicegate_contract::uploads::{Upload, UploadState};
use sluicegate_tests::audit::Audit;
use sluicegate_tests::client::Client;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::process::Program;
use sluicegate_tests::proxy::{Action, Proxy};
use sluicegate_tests::wait::{wait_for, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::interval;

use crate::raw;

const LIMIT: Duration = Duration::from_mins(1);
const MEBIBYTE: usize = 1 << 20;

/// A platform of its own, so that everything in its store is known; its edge sends there through a proxy.
struct Line {
    store: Proxy,
    client: Client,
    front: Platform,
    platform: Platform,
}

async fn line(handle: &str) -> Line {
    let platform = Platform::start(Options::default()).await.unwrap();
    let store = Proxy::start(&platform.store_url).await.unwrap();
    // The host is signed, so an origin of its own hands out URLs with the proxy's name.
    let mut options = Options::default().setting("S3_EDGE_ENDPOINT", &store.url);
    options.settings.extend(platform.store_settings().unwrap());
    let front = platform.start_second(options, &store.url).await.unwrap();
    let client = front.sign_up(handle).await.unwrap();
    Line {
        store,
        client,
        front,
        platform,
    }
}

impl Line {
    fn head(&self, length: &str) -> Vec<u8> {
        raw::upload_head(&self.client.token.clone().unwrap(), length).into_bytes()
    }

    /// An upload of which the store has a part comes to nothing: its ticket is given back.
    async fn comes_to_nothing(&self, id: UploadId) {
        wait_for("the ticket to be given back", LIMIT, async || {
            let upload = self.client.upload_state(id).await?;
            Ok((upload.status == UploadState::Expired).then_some(()))
        })
        .await
        .unwrap();
        let path = format!("/v1/uploads/{id}/complete");
        let completed = self.client.call(Method::POST, &path).await.unwrap();
        completed.expect_status(410).unwrap();
    }

    /// The store holds so many pictures, and nothing else.
    async fn holds(&self, pictures: u64) {
        let audit = Audit::of(&self.platform).await.unwrap();
        audit.ensure_clean().unwrap();
        assert_eq!(audit.count("objects").unwrap(), pictures);
    }

    async fn stop(self) {
        self.front.stop().await.unwrap();
        self.platform.stop().await.unwrap();
    }
}

fn id_in(put: &str) -> UploadId {
    put.split("staging/").nth(1).unwrap()[..36].parse().unwrap()
}

/// The first answer's body.
fn upload_in(answer: &str) -> Upload {
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    let (start, end) = (body.find('{').unwrap(), body.find('}').unwrap());
    serde_json::from_str(&body[start..=end]).unwrap_or_else(|error| panic!("{error}: {body}"))
}

#[tokio::test]
async fn what_goes_on_beyond_its_length_is_no_part_of_the_upload() {
    let line = line("length_beyond").await;
    let photo = fixtures::read("photo.png").unwrap();
    let excess = b"more than was declared\r\n\r\n";
    let whole = line.head(&format!("content-length: {}", photo.len()));
    // The same on a connection that stays: what is too much must not pass as the next request.
    let stays = String::from_utf8(whole.clone()).unwrap();
    let stays = stays.replace("connection: close\r\n", "").into_bytes();
    for (head, answers) in [(whole, 1), (stays, 2)] {
        let request = [head.as_slice(), &photo, excess].concat();
        let seen = raw::talk(&line.front.edge_url, request).await.unwrap();
        assert!(seen.starts_with("HTTP/1.1 201"), "{seen}");
        assert_eq!(seen.matches("HTTP/1.1 ").count(), answers, "{seen}");
        assert_eq!(seen.matches("HTTP/1.1 400").count(), answers - 1, "{seen}");
        let ready = line.client.wait_until_ready(upload_in(&seen).id).await;
        let shown = line.client.get(&ready.unwrap().url).await.unwrap();
        shown.expect_status(200).unwrap();
    }

    // Of a photo that says less than it is only that much arrives, which is no photo.
    let photo = fixtures::read("photo.jpg").unwrap();
    let less = line.head(&format!("content-length: {}", photo.len() - 20_000));
    let request = [less.as_slice(), &photo].concat();
    let seen = raw::talk(&line.front.edge_url, request).await.unwrap();
    assert!(seen.starts_with("HTTP/1.1 201"), "{seen}");
    let rejected = line
        .client
        .wait_for_upload(upload_in(&seen).id, "rejected", |upload| {
            upload.status == UploadState::Rejected
        })
        .await
        .unwrap();
    assert_eq!(rejected.reason.as_deref(), Some("truncated"));
    let hidden = line.client.get(&rejected.url).await.unwrap();
    hidden.expect_problem(404, "not-found").unwrap();
    line.holds(2).await;
    line.stop().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_while_it_streams_and_reaches_no_store() {
    let line = line("length_large").await;
    let mut sent = line.store.on("PUT /", Action::Pass);
    let limit = usize::try_from(limits::PICTURE_BYTES).unwrap();
    let mut file = fixtures::read("photo.jpg").unwrap();
    file.resize(limit + MEBIBYTE, 0);
    let one = format!("{:x}\r\n", file.len()).into_bytes();
    let chunked = [one.as_slice(), &file, b"\r\n0\r\n\r\n"].concat();
    for (length, body, status, slug) in [
        (
            format!("content-length: {}", file.len()),
            &file,
            "413",
            "too-large",
        ),
        (
            "transfer-encoding: chunked".to_owned(),
            &chunked,
            "411",
            "length-required",
        ),
    ] {
        let request = [line.head(&length).as_slice(), body].concat();
        let seen = raw::talk(&line.front.edge_url, request).await.unwrap();
        let begins = format!("HTTP/1.1 {status}");
        assert!(seen.starts_with(&begins), "{length}: {seen}");
        assert!(seen.contains(&format!("/problems/{slug}")), "{seen}");
    }
    assert!(sent.try_recv().is_err(), "something was sent to the store");
    line.holds(0).await;
    let photo = fixtures::read("photo.jpg").unwrap();
    let upload = line.client.upload_ok("avatar", photo).await.unwrap();
    assert!(sent.try_recv().is_ok(), "the proxy sees what is sent");
    line.client.wait_until_ready(upload.id).await.unwrap();
    line.stop().await;
}

#[tokio::test]
async fn what_ends_before_its_length_or_comes_too_slowly_is_stored_nowhere() {
    let line = line("length_short").await;
    let photo = fixtures::read("photo.jpg").unwrap();
    let head = line.head(&format!("content-length: {}", photo.len()));

    let mut sent = line.store.on("PUT /", Action::Pass);
    let begun = [head.as_slice(), &photo[..80_000]].concat();
    let mut stream = raw::connect(&line.front.edge_url).await.unwrap();
    stream.write_all(&begun).await.unwrap();
    let put = within("the first PUT", LIMIT, sent.recv()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut seen = Vec::new();
    // A server may also hang up on whoever has ended its side, with a reset.
    let _ = within("an end", LIMIT, stream.read_to_end(&mut seen))
        .await
        .unwrap();
    let seen = String::from_utf8_lossy(&seen);
    assert!(
        seen.is_empty() || seen.starts_with("HTTP/1.1 400"),
        "too little: {seen}"
    );
    line.comes_to_nothing(id_in(&put.unwrap())).await;

    let (edge, url) = impatient_edge(&line).await;
    let mut sent = line.store.on("PUT /", Action::Pass);
    let seen = drip(&url, &begun).await;
    assert!(seen.starts_with("HTTP/1.1 408"), "too slowly: {seen}");
    assert!(seen.contains("/problems/request-timeout"), "{seen}");
    let put = within("the second PUT", LIMIT, sent.recv()).await.unwrap();
    line.comes_to_nothing(id_in(&put.unwrap())).await;
    edge.stop(STOP_LIMIT).await.unwrap();
    line.holds(0).await;
    line.stop().await;
}

/// Wants 20 kB of an upload each second.
async fn impatient_edge(line: &Line) -> (Program, String) {
    let arguments = ["--upload-pace-bytes", "20000", "--pace-seconds", "1"];
    let options = Options {
        edge_arguments: arguments.map(str::to_owned).to_vec(),
        ..Options::default()
    };
    let place = sluicegate_tests::edge::EdgePlace {
        origin_url: &line.front.origin_url,
        store_url: &line.store.url,
        listen: "127.0.0.1:0",
    };
    let edge = sluicegate_tests::edge::start_edge(line.platform.data(), &options, &place);
    edge.await.unwrap()
}

/// Sends that, then a byte every now and then until the other end has had enough; what it said.
async fn drip(base: &str, begun: &[u8]) -> String {
    let (mut reading, mut writing) = raw::connect(base).await.unwrap().into_split();
    writing.write_all(begun).await.unwrap();
    let dripping = tokio::spawn(async move {
        let mut pause = interval(Duration::from_millis(50));
        while writing.write_all(b"x").await.is_ok() {
            pause.tick().await;
        }
    });
    let mut seen = Vec::new();
    // The end may be a reset as well: what counts is what came before.
    let answer = reading.read_to_end(&mut seen);
    let _ = within("an answer", LIMIT, answer).await.unwrap();
    dripping.abort();
    String::from_utf8_lossy(&seen).into_owned()
}
