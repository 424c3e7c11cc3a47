//! Uploads as browsers' forms and `curl -F` send them.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use sluicegate_contract::limits;
use sluicegate_contract::uploads::{Purpose, Upload};
use sluicegate_tests::client::{Answer, Client};
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::Platform;
use sluicegate_tests::wait::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{raw, shared};

const BOUNDARY: &str = "------------------------d74496d66958873e";
const FILE: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"photo.jpg\"\r\n\
    Content-Type: image/jpeg";

/// A form as `curl -F` writes it.
fn form(parts: &[(&str, &[u8])], end: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (head, content) in parts {
        body.extend(format!("--{BOUNDARY}\r\n{head}\r\n\r\n").bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}{end}").bytes());
    body
}

async fn send_to(client: &Client, path: &str, body: Vec<u8>) -> Answer {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let request = client
        .request(Method::POST, path)
        .header("content-type", content_type)
        .body(body);
    Answer::read(request.send().await.unwrap()).await.unwrap()
}

async fn send(client: &Client, body: Vec<u8>) -> Answer {
    send_to(client, "/v1/uploads?purpose=avatar", body).await
}

/// What was refused kept no ticket, of which only so many may be open.
async fn is_unharmed(client: &Client) {
    let photo = fixtures::read("photo.png").unwrap();
    client.upload_ok("avatar", photo).await.unwrap();
}

async fn somebody(handle: &str) -> (Arc<Platform>, Client) {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, handle).await.unwrap();
    (platform, client)
}

#[tokio::test]
async fn a_form_is_as_good_as_the_file_itself() {
    let (_platform, client) = somebody("form_good").await;
    for file in ["photo.jpg", "photo.png", "photo.webp"] {
        let photo = fixtures::read(file).unwrap();
        let upload: Upload = send(&client, form(&[(FILE, &photo)], "--\r\n"))
            .await
            .expect(201)
            .unwrap();
        assert_eq!(upload.purpose, Purpose::Avatar);
        let ready = client.wait_until_ready(upload.id).await.unwrap();
        let raw = client.upload_ok("avatar", photo).await.unwrap();
        let raw = client.wait_until_ready(raw.id).await.unwrap();
        let (one, other) = (
            client.get(&ready.url).await.unwrap(),
            client.get(&raw.url).await.unwrap(),
        );
        assert!(
            one.body == other.body,
            "{file}: another picture than the raw one"
        );
    }
}

#[tokio::test]
async fn a_browser_s_form_names_the_purpose_in_a_field() {
    let (_platform, client) = somebody("form_browser").await;
    let photo = fixtures::read("photo.jpg").unwrap();
    let text = |name: &str| format!("Content-Disposition: form-data; name=\"{name}\"");
    let (csrf, purpose) = (text("csrf"), text("purpose"));
    let parts: [(&str, &[u8]); 3] = [
        (&csrf, b"0123456789"),
        (&purpose, b"profile_header"),
        (FILE, &photo),
    ];
    let body = form(&parts, "--\r\n");
    let upload: Upload = send_to(&client, "/v1/uploads", body.clone())
        .await
        .expect(201)
        .unwrap();
    assert_eq!(upload.purpose, Purpose::ProfileHeader);
    let disagreed = send(&client, body).await;
    disagreed.expect_problem(400, "invalid-request").unwrap();
    let none = send_to(&client, "/v1/uploads", form(&[(FILE, &photo)], "--\r\n")).await;
    none.expect_problem(400, "invalid-request").unwrap();
}

#[tokio::test]
async fn where_the_network_cuts_a_form_does_not_matter() {
    let (platform, client) = somebody("form_cut").await;
    let photo = fixtures::read("photo.jpg").unwrap();
    let body = form(&[(FILE, &photo)], "--\r\n");
    let token = client.token.clone().unwrap();
    let head = form_head(&token, body.len());
    let end = body.len();
    // In the middle of delimiters, headers and line breaks, and a byte at a time at both ends.
    let mut cuts: Vec<usize> = (1..200).step_by(13).collect();
    cuts.extend([70_000, 70_001]);
    cuts.extend((end - 60..end).step_by(7));
    let mut stream = raw::connect(&platform.edge_url).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut from = 0;
    for to in cuts.into_iter().chain([end]) {
        stream.write_all(&body[from..to]).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
        from = to;
    }
    let answer = answer(stream).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

fn form_head(token: &str, length: usize) -> String {
    let more = format!(
        "content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {length}"
    );
    raw::upload_head(token, &more)
}

async fn answer(mut stream: tokio::net::TcpStream) -> String {
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    within("an answer", Duration::from_mins(1), reading)
        .await
        .unwrap()
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_form_that_is_no_upload_stores_nothing() {
    let (_platform, client) = somebody("form_bad").await;
    let photo = fixtures::read("photo.jpg").unwrap();
    assert!(
        photo.len() > limits::INSPECTED_HEAD + 4_096,
        "seen only while it streams"
    );
    let text = "Content-Disposition: form-data; name=\"purpose\"";
    let spare = vec![b'x'; 40_000];
    let mut short = form(&[(FILE, &photo)], "--\r\n");
    let at = short.len() - 40;
    short[at] ^= 1;
    let cases: [(&str, Vec<u8>); 8] = [
        ("no file", form(&[(text, b"avatar")], "--\r\n")),
        (
            "two files",
            form(&[(FILE, &photo), (FILE, &photo)], "--\r\n"),
        ),
        (
            "a field after it",
            form(&[(FILE, &photo), (text, b"avatar")], "--\r\n"),
        ),
        ("no closing", form(&[(FILE, &photo)], "\r\n")),
        ("an epilogue", form(&[(FILE, &photo)], "--\r\nmore")),
        ("a broken delimiter", short),
        ("no delimiter", photo.clone()),
        (
            "too much before it",
            form(&[(text, &spare), (FILE, &photo)], "--\r\n"),
        ),
    ];
    // Five of them are seen while they stream: more tickets than may be open at once.
    for (name, body) in cases.iter().cycle().take(5 * cases.len()) {
        let answer = send(&client, body.clone()).await;
        answer
            .expect_problem(400, "invalid-request")
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    is_unharmed(&client).await;
}

#[tokio::test]
async fn what_is_no_picture_is_refused_in_a_form_too() {
    let (_platform, client) = somebody("form_refused").await;
    let text = fixtures::read("text-named.jpg").unwrap();
    let refused = send(&client, form(&[(FILE, &text)], "--\r\n")).await;
    refused
        .expect_problem(415, "unsupported-media-type")
        .unwrap();
    let empty = send(&client, form(&[(FILE, b"")], "--\r\n")).await;
    let problem = empty.expect_problem(422, "picture-refused").unwrap();
    assert_eq!(problem.members["reason"], "broken");
    let mut large = fixtures::read("photo.jpg").unwrap();
    large.resize(usize::try_from(limits::PICTURE_BYTES).unwrap() + 1, 0);
    let large = send(&client, form(&[(FILE, &large)], "--\r\n")).await;
    large.expect_problem(413, "too-large").unwrap();
    let mixed = client
        .request(Method::POST, "/v1/uploads?purpose=avatar")
        .header("content-type", "multipart/mixed; boundary=x")
        .body("x");
    let mixed = Answer::read(mixed.send().await.unwrap()).await.unwrap();
    mixed.expect_problem(415, "unsupported-media-type").unwrap();
}

#[tokio::test]
async fn what_the_headers_say_of_a_form_is_checked() {
    let (_platform, client) = somebody("form_headers").await;
    let photo = fixtures::read("photo.png").unwrap();
    let send = async |content_type: &str, digest: Option<&str>| {
        let mut request = client
            .request(Method::POST, "/v1/uploads?purpose=avatar")
            .header("content-type", content_type)
            .body(form(&[(FILE, &photo)], "--\r\n"));
        if let Some(digest) = digest {
            request = request.header("repr-digest", digest);
        }
        Answer::read(request.send().await.unwrap()).await.unwrap()
    };
    for content_type in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=other",
    ] {
        let answer = send(content_type, None).await;
        answer.expect_problem(400, "invalid-request").unwrap();
    }
    let right = format!("multipart/form-data; boundary=\"{BOUNDARY}\"");
    let digest = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    let answer = send(&right, Some(digest)).await;
    answer.expect_problem(400, "invalid-request").unwrap();
    send(&right, None).await.expect_status(201).unwrap();
}

#[tokio::test]
async fn a_form_that_ends_early_completes_nothing() {
    let (platform, client) = somebody("form_early").await;
    let photo = fixtures::read("photo.jpg").unwrap();
    let body = form(&[(FILE, &photo)], "--\r\n");
    let token = client.token.clone().unwrap();
    // The whole file is there, only the last two bytes of the form are not.
    for length in [100, 80_000, body.len() - 2] {
        let mut request = form_head(&token, body.len()).into_bytes();
        request.extend_from_slice(&body[..length]);
        let answer = raw::exchange_cut_short(&platform.edge_url, &request)
            .await
            .unwrap();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{length}: {answer}"
        );
    }
    is_unharmed(&client).await;
}
