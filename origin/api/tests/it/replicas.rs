use serde_json::json;

use crate::support::{Person, World, call};

#[tokio::test]
async fn two_origins_on_one_database_are_interchangeable() {
    let world = World::new().await;
    let other = world.another_origin();
    // Both make their first key at once, and end with the same one.
    let jwks = || call("GET", "/.well-known/jwks.json");
    let (here, there) = tokio::join!(jwks().send(&world.origin), jwks().send(&other));
    let (here, there) = (here.expect(200), there.expect(200));
    assert_eq!(here, there);
    assert_eq!(here["keys"].as_array().unwrap().len(), 1);

    let ada = world.sign_up("ada").await;
    call("GET", "/v1/me")
        .token(&ada.access)
        .send(&other)
        .await
        .expect(200);
    let request = json!({ "refresh_token": ada.refresh });
    let refresh = call("POST", "/v1/sessions/refresh").json(&request);
    let ada = Person::of(&refresh.send(&other).await.expect(200));
    world.get(&ada, "/v1/me").await.expect(200);
    let log_out = call("DELETE", "/v1/sessions/current").token(&ada.access);
    log_out.send(&other).await.expect(204);
    world.get(&ada, "/v1/me").await.problem(401, "unauthorized");
}

#[tokio::test]
async fn attempts_are_counted_for_all_origins_together() {
    let world = World::new().await;
    let other = world.another_origin();
    let attempt = json!({ "handle": "nobody", "password": "wrong horse" });
    for origin in [&world.origin, &other].into_iter().cycle().take(10) {
        let answer = call("POST", "/v1/sessions")
            .json(&attempt)
            .send(origin)
            .await;
        answer.problem(401, "invalid-credentials");
    }
    let answer = call("POST", "/v1/sessions")
        .json(&attempt)
        .send(&other)
        .await;
    answer.problem(429, "too-many-requests");
}

#[tokio::test]
async fn a_status_that_waits_here_sees_what_happens_there() {
    let world = World::new().await;
    let other = world.another_origin();
    let ada = world.sign_up("ada").await;
    let id = world.upload(&ada, "avatar").await;
    let path = format!("/v1/uploads/{id}?wait=20&revision=2");
    let wait = call("GET", &path).token(&ada.access).send(&world.origin);
    let media = format!("/edge/v1/media/{id}");
    let (status, grant) = tokio::join!(wait, call("GET", &media).send(&other));
    grant.expect(200);
    let status = status.expect(200);
    assert!(status["revision"].as_u64().unwrap() > 2);
}
