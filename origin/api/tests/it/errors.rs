use http::Method;
use serde_json::json;

use crate::support::{World, call};

#[tokio::test]
async fn what_is_not_there_and_what_is_not_allowed_are_problems() {
    let world = World::new().await;
    call("GET", "/nowhere")
        .send(&world.origin)
        .await
        .problem(404, "not-found");
    call("GET", "/v1/posts/x")
        .send(&world.origin)
        .await
        .problem(404, "not-found");
    let upper = "/v1/posts/01890A5D-AC96-774B-BCCE-B302099A8057";
    call("GET", upper)
        .send(&world.origin)
        .await
        .problem(404, "not-found");
    let wrong = call("PUT", "/v1/posts").send(&world.origin).await;
    let allowed = wrong.header("allow").to_owned();
    wrong.problem(405, "method-not-allowed");
    for method in [Method::GET, Method::HEAD, Method::POST] {
        assert!(allowed.contains(method.as_str()), "{allowed}");
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused() {
    let world = World::new().await;
    let sign_up = || call("POST", "/v1/accounts");
    let json_type = "application/json";
    let broken = sign_up()
        .header("content-type", json_type)
        .body("{\"handle\":");
    broken
        .send(&world.origin)
        .await
        .problem(400, "invalid-request");
    let unknown =
        sign_up().json(&json!({ "handle": "ada", "password": "correct horse", "admin": true }));
    let problem = unknown
        .send(&world.origin)
        .await
        .problem(400, "invalid-request");
    assert!(problem["detail"].as_str().unwrap().contains("admin"));
    let untyped = sign_up().body("{}");
    untyped
        .send(&world.origin)
        .await
        .problem(415, "unsupported-media-type");
    let form = sign_up().header("content-type", "text/plain").body("{}");
    form.send(&world.origin)
        .await
        .problem(415, "unsupported-media-type");

    let large = format!("{{\"handle\":\"{}\"}}", "x".repeat(1024 * 1024));
    let declared = sign_up()
        .header("content-type", json_type)
        .header("content-length", &large.len().to_string())
        .body(large.clone());
    let problem = declared.send(&world.origin).await.problem(413, "too-large");
    assert_eq!(problem["limit"], 1_048_576);
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>(large)]);
    let undeclared = sign_up()
        .header("content-type", json_type)
        .body(axum::body::Body::from_stream(chunks));
    undeclared
        .send(&world.origin)
        .await
        .problem(413, "too-large");
}

#[tokio::test]
async fn every_answer_names_its_request_and_the_contract() {
    let world = World::new().await;
    let answer = call("GET", "/livez")
        .header("x-request-id", "abc_-9")
        .send(&world.origin)
        .await;
    assert_eq!(answer.header("x-request-id"), "abc_-9");
    assert_eq!(answer.header("sluicegate-contract"), "1");
    let answer = call("GET", "/nowhere")
        .header("x-request-id", "<script>")
        .send(&world.origin)
        .await;
    assert_ne!(answer.header("x-request-id"), "<script>");
    assert_eq!(answer.header("x-request-id").len(), 36);
    assert_eq!(answer.header("sluicegate-contract"), "1");
}

#[tokio::test]
async fn a_database_that_is_gone_is_a_503_that_shows_nothing() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    world.database.close().await;
    for path in ["/v1/me", "/v1/posts", "/v1/profiles/ada"] {
        let answer = world.get(&ada, path).await;
        assert_ne!(answer.header("retry-after"), "");
        let problem = answer.problem(503, "unavailable").to_string();
        for internal in ["sqlx", "pool", "postgres", "select"] {
            assert!(!problem.to_lowercase().contains(internal), "{problem}");
        }
    }
    call("GET", "/livez").send(&world.origin).await.expect(200);
    let ready = call("GET", "/readyz").send(&world.origin).await.expect(503);
    assert_eq!(ready["checks"]["database"], "down");
}
