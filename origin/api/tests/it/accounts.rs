use serde_json::json;
use sluicegate_api::{AttemptLimits, EdgeKey};

use crate::support::{World, call};

#[tokio::test]
async fn signing_up_gives_a_session_and_an_account() {
    let world = World::new().await;
    let request =
        json!({ "handle": "Ada_1", "password": "correct horse", "display_name": " Ada " });
    let answer = call("POST", "/v1/accounts")
        .json(&request)
        .send(&world.origin)
        .await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let session = answer.expect(201);
    assert_eq!(session["token_type"], "Bearer");
    assert_eq!(session["expires_in"], 900);
    let account = &session["account"];
    assert_eq!(account["handle"], "ada_1");
    assert_eq!(account["display_name"], "Ada");
    assert_eq!(account["role"], "user");

    let me = call("GET", "/v1/me").token(session["access_token"].as_str().unwrap());
    assert_eq!(me.send(&world.origin).await.expect(200), *account);
}

#[tokio::test]
async fn a_handle_is_taken_once_whatever_its_case() {
    let world = World::new().await;
    world.sign_up("ada").await;
    let request = json!({ "handle": "ADA", "password": "another horse" });
    let answer = call("POST", "/v1/accounts")
        .json(&request)
        .send(&world.origin)
        .await;
    answer.problem(409, "handle-taken");
}

#[tokio::test]
async fn what_cannot_be_an_account_is_refused_by_field() {
    let world = World::new().await;
    for (request, field) in [
        (
            json!({ "handle": "a", "password": "correct horse" }),
            "handle",
        ),
        (json!({ "handle": "ada", "password": "short" }), "password"),
        (
            json!({ "handle": "ada", "password": "p".repeat(257) }),
            "password",
        ),
        (
            json!({ "handle": "ada", "password": "correct horse", "display_name": " " }),
            "display_name",
        ),
    ] {
        let answer = call("POST", "/v1/accounts")
            .json(&request)
            .send(&world.origin)
            .await;
        let problem = answer.problem(400, "invalid-request");
        assert_eq!(problem["field"], field);
        assert!(!problem.to_string().contains("horse"));
    }
}

#[tokio::test]
async fn sign_ups_are_counted_by_address() {
    let world = World::with(|config| {
        config.edge_key = Some(EdgeKey::new("the edge key"));
        config.attempts = AttemptLimits {
            sign_ups_by_address: 2,
            ..AttemptLimits::default()
        };
    })
    .await;
    let sign_up = async |handle: &str, address: &str| {
        call("POST", "/v1/accounts")
            .header("sluicegate-edge-key", "the edge key")
            .header("sluicegate-client-address", address)
            .json(&json!({ "handle": handle, "password": "correct horse" }))
            .send(&world.origin)
            .await
    };
    for handle in ["one", "two"] {
        sign_up(handle, "192.0.2.1").await.expect(201);
    }
    let answer = sign_up("three", "192.0.2.1").await;
    assert_eq!(answer.header("retry-after"), "3600");
    let problem = answer.problem(429, "too-many-requests");
    assert_eq!(problem["retry_after"], 3600);
    sign_up("elsewhere", "192.0.2.2").await.expect(201);

    world.clock.advance(std::time::Duration::from_secs(3_601));
    sign_up("three", "192.0.2.1").await.expect(201);
}

#[tokio::test]
async fn without_an_edge_key_nobody_is_kept_out_for_others_sign_ups() {
    let world = World::with(|config| config.attempts.sign_ups_by_address = 0).await;
    world.sign_up("ada").await;
}
