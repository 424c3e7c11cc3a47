//! Pictures on their way out.

use std::io::Cursor;

use image::ImageReader;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sluicegate_tests::client::{Answer, Client};
use sluicegate_tests::fixtures;

use crate::shared;

async fn fetch(client: &Client, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::try_from(*value).unwrap(),
            )
        })
        .collect();
    let request = client.request(method, path).headers(headers);
    Answer::read(request.send().await.unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_picture_is_served_whole_in_part_and_not_again() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "media_reader").await.unwrap();
    let upload = client
        .upload_ok("avatar", fixtures::read("photo.jpg").unwrap())
        .await
        .unwrap();
    let url = client.wait_until_ready(upload.id).await.unwrap().url;
    let stranger = client.with_token(None);

    let whole = fetch(&stranger, Method::GET, &url, &[]).await;
    whole.expect_status(200).unwrap();
    assert_eq!(whole.header("content-type"), "image/webp");
    assert_eq!(whole.header("content-length"), whole.body.len().to_string());
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert!(
        whole
            .header("content-security-policy")
            .contains("default-src 'none'")
    );
    assert!(
        whole.header("cache-control").contains("max-age=60"),
        "nobody judged it"
    );
    let etag = whole.header("etag").to_owned();

    let head = fetch(&stranger, Method::HEAD, &url, &[]).await;
    head.expect_status(200).unwrap();
    assert_eq!((head.header("etag"), head.body.len()), (etag.as_str(), 0));
    assert_eq!(head.header("content-length"), whole.body.len().to_string());

    let fresh = fetch(&stranger, Method::GET, &url, &[("if-none-match", &etag)]).await;
    fresh.expect_status(304).unwrap();
    assert_eq!((fresh.header("etag"), fresh.body.len()), (etag.as_str(), 0));

    let part = fetch(&stranger, Method::GET, &url, &[("range", "bytes=10-19")]).await;
    part.expect_status(206).unwrap();
    assert_eq!(part.body, whole.body[10..20]);
    assert_eq!(
        part.header("content-range"),
        format!("bytes 10-19/{}", whole.body.len())
    );
    let tail = fetch(&stranger, Method::GET, &url, &[("range", "bytes=-5")]).await;
    assert_eq!(tail.body, whole.body[whole.body.len() - 5..]);
    let beyond = fetch(
        &stranger,
        Method::GET,
        &url,
        &[("range", "bytes=99999999-")],
    )
    .await;
    beyond.expect_status(416).unwrap();
    let several = fetch(&stranger, Method::GET, &url, &[("range", "bytes=0-1,3-4")]).await;
    several.expect_status(200).unwrap();
    let changed = [("range", "bytes=10-19"), ("if-range", "\"other\"")];
    fetch(&stranger, Method::GET, &url, &changed)
        .await
        .expect_status(200)
        .unwrap();
}

#[tokio::test]
async fn a_picture_that_nobody_has_made_yet_is_made_for_who_asks() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "media_hurry").await.unwrap();
    let upload = client
        .upload_ok("post_header", fixtures::read("photo.png").unwrap())
        .await
        .unwrap();
    let asked = (0..8).map(|_| {
        let (client, url) = (client.clone(), upload.url.clone());
        tokio::spawn(async move { client.get(&url).await.unwrap() })
    });
    let mut bodies = Vec::new();
    for answer in asked.collect::<Vec<_>>() {
        let answer = answer.await.unwrap();
        answer.expect_status(200).unwrap();
        bodies.push(answer.body);
    }
    assert!(
        bodies.iter().all(|body| *body == bodies[0]),
        "one picture for all"
    );
}

#[tokio::test]
async fn a_polyglot_is_never_served_as_it_came() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "media_polyglot").await.unwrap();
    let file = fixtures::read("polyglot.jpg").unwrap();
    let tail = b"<script>";
    assert!(
        file.windows(tail.len()).any(|part| part == tail),
        "the fixture is a polyglot"
    );
    let upload = client.upload_ok("post_header", file).await.unwrap();
    let answer = client.get(&upload.url).await.unwrap();
    answer.expect_status(200).unwrap();
    assert_eq!(answer.header("content-type"), "image/webp");
    assert!(!answer.body.windows(tail.len()).any(|part| part == tail));
    let reader = ImageReader::new(Cursor::new(&answer.body))
        .with_guessed_format()
        .unwrap();
    assert_eq!(reader.format(), Some(image::ImageFormat::WebP));
}

#[tokio::test]
async fn what_is_not_there_is_a_404_that_nobody_keeps() {
    let platform = shared::platform().await.unwrap();
    let client = platform.client().unwrap();
    for path in [
        "/media/01890a5d-ac96-774b-bcce-b302099a8057.webp",
        "/media/nothing.webp",
        "/media/../edge/v1/media/01890a5d-ac96-774b-bcce-b302099a8057",
    ] {
        let answer = client.get(path).await.unwrap();
        answer.expect_problem(404, "not-found").unwrap();
    }
    let missing = client
        .get("/media/01890a5d-ac96-774b-bcce-b302099a8057.webp")
        .await
        .unwrap();
    assert_eq!(missing.header("cache-control"), "no-store");
    let delete = client.call(Method::DELETE, "/media/x.webp").await.unwrap();
    delete.expect_problem(405, "method-not-allowed").unwrap();
}
