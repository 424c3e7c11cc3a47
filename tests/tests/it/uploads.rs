//! Every status of the upload route.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::json;
use sha2::{Digest, Sha256};
use sluicegate_contract::uploads::{Purpose, TicketRequest};
use sluicegate_contract::{headers, limits};
use sluicegate_tests::client::{Answer, Client};
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{EDGE_KEY, Options, Platform, STOP_LIMIT};

use crate::{raw, shared};

async fn send(client: &Client, file: &str) -> Answer {
    client
        .upload("avatar", fixtures::read(file).unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn pictures_are_taken_for_each_purpose() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "up_each").await.unwrap();
    // Never enlarged: the PNG and the WebP are smaller than the places that they are for.
    let original = image::load_from_memory(&fixtures::read("photo.webp").unwrap()).unwrap();
    for (purpose, file, size) in [
        ("avatar", "photo.jpg", (400, 400)),
        ("profile_header", "photo.jpg", (1200, 300)),
        ("profile_header", "photo.png", (240, 60)),
        ("post_header", "photo.jpg", (1200, 1600)),
        (
            "post_header",
            "photo.webp",
            (original.width(), original.height()),
        ),
    ] {
        let upload = client
            .upload_ok(purpose, fixtures::read(file).unwrap())
            .await
            .unwrap();
        assert_eq!(upload.purpose.as_str(), purpose);
        assert_eq!(upload.url, format!("/media/{}.webp", upload.id));
        let ready = client.wait_until_ready(upload.id).await.unwrap();
        let picture = client.get(&ready.url).await.unwrap();
        let picture = image::load_from_memory(&picture.body).unwrap();
        assert_eq!(
            (picture.width(), picture.height()),
            size,
            "{purpose} from {file}"
        );
        assert_eq!((ready.width, ready.height), (Some(size.0), Some(size.1)));
    }
}

#[tokio::test]
async fn what_is_no_picture_of_ours_is_refused_before_anything_is_stored() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "up_refused").await.unwrap();
    send(&client, "text-named.jpg")
        .await
        .expect_problem(415, "unsupported-media-type")
        .unwrap();
    for file in ["animated.webp", "animated.png"] {
        let problem = send(&client, file)
            .await
            .expect_problem(422, "picture-refused")
            .unwrap();
        assert_eq!(problem.members["reason"], "animated", "{file}");
    }
    for file in ["bomb.webp", "huge.png"] {
        let problem = send(&client, file)
            .await
            .expect_problem(422, "picture-refused")
            .unwrap();
        assert_eq!(problem.members["reason"], "too_many_pixels", "{file}");
    }
    let broken = fixtures::read("photo.png").unwrap()[..20].to_vec();
    let answer = client.upload("avatar", broken).await.unwrap();
    let problem = answer.expect_problem(422, "picture-refused").unwrap();
    assert_eq!(problem.members["reason"], "broken");
}

#[tokio::test]
async fn what_cannot_be_read_as_an_upload_is_a_clear_refusal() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "up_unclear").await.unwrap();
    let photo = fixtures::read("photo.png").unwrap();

    let unknown = client.upload("selfie", photo.clone()).await.unwrap();
    unknown.expect_problem(400, "invalid-request").unwrap();
    let none = client.call(Method::POST, "/v1/uploads").await.unwrap();
    none.expect_problem(400, "invalid-request").unwrap();
    let get = client.get("/v1/uploads?purpose=avatar").await.unwrap();
    get.expect_problem(405, "method-not-allowed").unwrap();
    assert_eq!(get.header("allow"), "POST");
    let stranger = client
        .with_token(None)
        .upload("avatar", photo)
        .await
        .unwrap();
    stranger.expect_problem(401, "unauthorized").unwrap();
    assert!(stranger.header("www-authenticate").starts_with("Bearer"));

    let size = usize::try_from(limits::PICTURE_BYTES).unwrap() + 1;
    let large = client.upload("avatar", vec![0; size]).await.unwrap();
    let problem = large.expect_problem(413, "too-large").unwrap();
    assert_eq!(problem.members["limit"], limits::PICTURE_BYTES);
}

/// The origin of the platform would take it: it is the edge that does not.
#[tokio::test]
async fn an_edge_lets_in_less_where_it_is_told_to() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "up_lowered").await.unwrap();
    let photo = fixtures::read("photo.png").unwrap();
    let limit = photo.len() - 1;
    let variables = [("limit_picture_bytes", &*limit.to_string())];
    let edge = platform.start_edge_with(&platform.origin_url, &variables);
    let (edge, url) = edge.await.unwrap();
    let lowered = client.at(&url);
    let refused = lowered.upload("avatar", photo.clone()).await.unwrap();
    let problem = refused.expect_problem(413, "too-large").unwrap();
    assert_eq!(problem.members["limit"], limit);
    let small = fixtures::read("p3.png").unwrap();
    lowered.upload_ok("avatar", small).await.unwrap();
    client.upload_ok("avatar", photo).await.unwrap();
    edge.stop(STOP_LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_length_that_is_not_known_or_not_true_stores_nothing() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "up_length").await.unwrap();
    let token = client.token.clone().unwrap();
    let photo = fixtures::read("photo.png").unwrap();

    let mut chunked = raw::upload_head(&token, "transfer-encoding: chunked").into_bytes();
    chunked.extend_from_slice(b"4\r\nabcd\r\n0\r\n\r\n");
    let answer = raw::exchange(&platform.edge_url, &chunked).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 411"), "{answer}");

    let length = format!("content-length: {}", photo.len());
    let mut short = raw::upload_head(&token, &length).into_bytes();
    short.extend_from_slice(&photo[..photo.len() / 2]);
    let answer = raw::exchange_cut_short(&platform.edge_url, &short)
        .await
        .unwrap();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );

    let empty = raw::upload_head(&token, "content-length: 0");
    let answer = raw::exchange(&platform.edge_url, empty.as_bytes())
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
}

#[tokio::test]
async fn what_the_headers_say_of_the_body_is_checked() {
    let platform = shared::platform().await.unwrap();
    let client = shared::somebody(&platform, "up_headers").await.unwrap();
    let photo = fixtures::read("photo.png").unwrap();
    let send = async |name: &str, value: &str| {
        let request = client
            .request(Method::POST, "/v1/uploads?purpose=avatar")
            .header(name, value)
            .body(photo.clone());
        Answer::read(request.send().await.unwrap()).await.unwrap()
    };
    let packed = send("content-encoding", "gzip").await;
    packed
        .expect_problem(415, "unsupported-media-type")
        .unwrap();
    let advisory = send("content-type", "text/html").await;
    advisory.expect_status(201).unwrap();
    let unreadable = send("repr-digest", "sha-256=nothing").await;
    unreadable.expect_problem(400, "invalid-request").unwrap();
    let wrong = format!("sha-256=:{}:", BASE64_STANDARD.encode([7; 32]));
    send("repr-digest", &wrong)
        .await
        .expect_problem(400, "invalid-request")
        .unwrap();
    let right = format!(
        "sha-256=:{}:",
        BASE64_STANDARD.encode(Sha256::digest(&photo))
    );
    send("repr-digest", &right)
        .await
        .expect_status(201)
        .unwrap();
}

#[tokio::test]
async fn the_origin_limits_open_tickets() {
    let platform = shared::platform().await.unwrap();
    let edge = shared::somebody(&platform, "up_tickets").await.unwrap();
    let origin = edge.at(&platform.origin_url);
    let request = TicketRequest {
        purpose: Purpose::Avatar,
        content_length: 10,
        sha256: None,
    };
    let request = serde_json::to_value(request).unwrap();
    let path = "/edge/v1/upload-tickets";
    origin
        .send(Method::POST, path, &request)
        .await
        .unwrap()
        .expect_problem(403, "forbidden")
        .unwrap();
    for _ in 0..limits::OPEN_TICKETS {
        let call = origin
            .request(Method::POST, path)
            .header(headers::EDGE_KEY, EDGE_KEY);
        let answer = Answer::read(call.json(&request).send().await.unwrap())
            .await
            .unwrap();
        answer.expect_status(201).unwrap();
    }
    let answer = send(&edge, "photo.png").await;
    answer.expect_problem(429, "too-many-requests").unwrap();
    assert!(!answer.header("retry-after").is_empty());
    assert!(answer.header("ratelimit").contains("\"open-tickets\";r=0"));
    // What only edges may ask cannot be asked through the edge.
    let through = edge.send(Method::POST, path, &request).await.unwrap();
    through.expect_problem(404, "not-found").unwrap();
    for path in [
        "//edge/v1/upload-tickets",
        "/v1/%2e%2e/edge/v1",
        "/v1%2f..%2fedge/v1",
    ] {
        let through = edge.send(Method::POST, path, &request).await.unwrap();
        assert!(
            [400, 404].contains(&through.status.as_u16()),
            "{path}: {}",
            through.status
        );
    }
}

#[tokio::test]
async fn uploads_of_others_cannot_be_seen_completed_or_used() {
    let platform = shared::platform().await.unwrap();
    let owner = shared::somebody(&platform, "up_owner").await.unwrap();
    let other = shared::somebody(&platform, "up_other").await.unwrap();
    let upload = owner
        .upload_ok("avatar", fixtures::read("photo.png").unwrap())
        .await
        .unwrap();
    let path = format!("/v1/uploads/{}", upload.id);

    other
        .get(&path)
        .await
        .unwrap()
        .expect_problem(404, "not-found")
        .unwrap();
    let events = other.get(&format!("{path}/events")).await.unwrap();
    events.expect_problem(404, "not-found").unwrap();
    let complete = other
        .call(Method::POST, &format!("{path}/complete"))
        .await
        .unwrap();
    complete.expect_problem(404, "not-found").unwrap();
    let body = json!({"upload_id": upload.id});
    let set = other
        .send(Method::PUT, "/v1/me/avatar", &body)
        .await
        .unwrap();
    set.expect_problem(422, "unsuitable-upload").unwrap();
    let wrong_place = owner
        .send(Method::PUT, "/v1/me/profile-header", &body)
        .await
        .unwrap();
    wrong_place
        .expect_problem(422, "unsuitable-upload")
        .unwrap();
    let post = other
        .post("with a borrowed picture", Some(upload.id))
        .await
        .unwrap();
    post.expect_problem(422, "unsuitable-upload").unwrap();
    owner
        .send(Method::PUT, "/v1/me/avatar", &body)
        .await
        .unwrap()
        .expect_status(200)
        .unwrap();
    let again = owner
        .call(Method::POST, &format!("{path}/complete"))
        .await
        .unwrap();
    again.expect_status(200).unwrap();
}

#[tokio::test]
async fn services_that_are_down_are_a_problem_of_the_gateway() {
    let mut platform = Platform::start(Options::default()).await.unwrap();
    let client = platform
        .client()
        .unwrap()
        .sign_up("up_faults")
        .await
        .unwrap()
        .0;
    let upload = client
        .upload_ok("avatar", fixtures::read("photo.png").unwrap())
        .await
        .unwrap();
    client.wait_until_ready(upload.id).await.unwrap();

    platform.kill_origin().unwrap();
    send(&client, "photo.png")
        .await
        .expect_problem(502, "bad-gateway")
        .unwrap();
    client
        .get("/v1/me")
        .await
        .unwrap()
        .expect_problem(502, "bad-gateway")
        .unwrap();

    platform.restart_origin().await.unwrap();
    let upload = client
        .upload_ok("avatar", fixtures::read("photo.png").unwrap())
        .await
        .unwrap();
    client.wait_until_ready(upload.id).await.unwrap();
    platform.stop().await.unwrap();
}
