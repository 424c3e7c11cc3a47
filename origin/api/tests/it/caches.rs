//! What strangers read is kept for a moment, and forgotten when it changes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};
use sluicegate_api::router;
use sluicegate_conformance::told::Told;
use sluicegate_contract::ids::PostId;
use sluicegate_core::ports::PublicCache;
use sluicegate_core::public::{Change, KEPT_FOR};
use sluicegate_local::LocalCache;

use crate::support::{Mood, Person, World, call, fixture};

/// An origin with that cache.
fn origin(world: &World, cache: Arc<dyn PublicCache>) -> Router {
    let mut state = world.state.clone();
    state.cache = cache;
    router(state)
}

fn cached(world: &World) -> Router {
    let cache = LocalCache::new(world.state.env.clone(), 1024 * 1024, Duration::ZERO);
    origin(world, Arc::new(cache))
}

async fn look(origin: &Router, path: &str) -> (u16, Value) {
    let answer = call("GET", path).send(origin).await;
    // A problem names its request, and so each is another one.
    let shown = answer.status.is_success();
    let body = shown.then(|| serde_json::from_slice(&answer.body).unwrap());
    (answer.status.as_u16(), body.unwrap_or_default())
}

async fn write(origin: &Router, ada: &Person, body: &str) -> (PostId, String) {
    let call = call("POST", "/v1/posts").token(&ada.access);
    let post = call.json(&json!({ "body": body })).send(origin).await;
    let id = post.expect(201)["id"].as_str().unwrap().to_owned();
    (id.parse().unwrap(), format!("/v1/posts/{id}"))
}

#[tokio::test]
async fn strangers_are_shown_what_is_kept_for_two_seconds() {
    let world = World::new().await;
    let origin = cached(&world);
    let ada = world.sign_up("ada").await;
    let (id, path) = write(&origin, &ada, "Hello").await;
    let paths = [path.as_str(), "/v1/posts", "/v1/profiles/ada/posts"];
    let mut before = Vec::new();
    for path in paths {
        before.push(look(&origin, path).await);
    }
    // Behind the cache's back, which no process does.
    let now = world.state.env.now();
    let author = ada.id.parse().unwrap();
    assert!(world.state.posts.delete(id, author, now).await.unwrap());
    for (path, before) in paths.into_iter().zip(&before) {
        assert_eq!(&look(&origin, path).await, before, "{path} was not kept");
        // Not for whoever shows a token.
        let own = call("GET", path).token(&ada.access).send(&origin).await;
        let own: Value = serde_json::from_slice(&own.body).unwrap();
        assert_ne!(own, before.1, "{path}");
    }
    world.clock.advance(KEPT_FOR);
    for (path, before) in paths.into_iter().zip(&before) {
        assert_ne!(
            &look(&origin, path).await,
            before,
            "{path} was kept too long"
        );
    }
}

#[tokio::test]
async fn a_page_that_few_ask_for_and_what_is_not_there_are_not_kept() {
    let world = World::new().await;
    let origin = cached(&world);
    let ada = world.sign_up("ada").await;
    for number in 0..3 {
        write(&origin, &ada, &format!("post {number}")).await;
    }
    let (_, first) = look(&origin, "/v1/posts?limit=1").await;
    let next = format!(
        "/v1/posts?limit=1&cursor={}",
        first["next"].as_str().unwrap()
    );
    let (_, second) = look(&origin, &next).await;
    let id: PostId = second["items"][0]["id"].as_str().unwrap().parse().unwrap();
    let now = world.state.env.now();
    let author = ada.id.parse().unwrap();
    assert!(world.state.posts.delete(id, author, now).await.unwrap());
    assert_ne!(look(&origin, &next).await.1, second);

    assert_eq!(look(&origin, "/v1/profiles/grace").await.0, 404);
    world.sign_up("grace").await;
    assert_eq!(look(&origin, "/v1/profiles/grace").await.0, 200);
}

#[tokio::test]
async fn each_change_is_seen_at_once() {
    let world = World::new().await;
    let origin = cached(&world);
    let ada = world.sign_up("ada").await;
    let (_, path) = write(&origin, &ada, "Hello").await;
    let avatar = world.upload(&ada, "avatar").await;
    let encoded = path.replacen("/v1/posts/0", "/v1/posts/%30", 1);
    assert_ne!(encoded, path);
    let password = json!({ "password": "correct horse" });
    let back = json!({ "handle": "ada", "password": "correct horse", "restore": true });
    let changes = [
        (
            "POST",
            "/v1/posts",
            json!({ "body": "Another" }),
            "/v1/posts",
        ),
        (
            "POST",
            "/v1/posts",
            json!({ "body": "More" }),
            "/v1/profiles/ada/posts",
        ),
        (
            "PATCH",
            "/v1/me",
            json!({ "bio": "counts" }),
            "/v1/profiles/ada",
        ),
        (
            "PATCH",
            "/v1/me",
            json!({ "display_name": "A" }),
            path.as_str(),
        ),
        (
            "PUT",
            "/v1/me/avatar",
            json!({ "upload_id": avatar }),
            "/v1/posts",
        ),
        ("DELETE", "/v1/me/avatar", Value::Null, "/v1/profiles/ada"),
        // However the id is spelt.
        ("DELETE", &encoded, Value::Null, path.as_str()),
        ("DELETE", "/v1/me", password, "/v1/profiles/ada"),
        ("POST", "/v1/sessions", back, "/v1/profiles/ada"),
    ];
    for (method, route, body, shown) in changes {
        let what = format!("{method} {route}: {shown}");
        let before = look(&origin, shown).await;
        assert_eq!(look(&origin, shown).await, before, "{what}");
        let call = call(method, route).token(&ada.access);
        let call = if body.is_null() {
            call
        } else {
            call.json(&body)
        };
        let answer = call.send(&origin).await;
        assert!(answer.status.is_success(), "{what}: {}", answer.text());
        assert_ne!(look(&origin, shown).await, before, "{what}");
    }
}

#[tokio::test]
async fn without_the_cache_all_is_read_from_the_database() {
    let world = World::new().await;
    let origin = origin(&world, Arc::new(Told::down()));
    let ada = world.sign_up("ada").await;
    let (_, path) = write(&origin, &ada, "Hello").await;
    assert_eq!(look(&origin, &path).await.1["body"], "Hello");
    let deleted = call("DELETE", &path).token(&ada.access).send(&origin).await;
    deleted.expect(204);
    assert_eq!(look(&origin, &path).await.0, 404);
}

#[tokio::test]
async fn a_picture_that_complete_refuses_is_told_to_the_cache() {
    let mut world = World::with(|config| {
        config.image_sync = true;
        config.image_checks = true;
    })
    .await;
    let told = Arc::new(Told::default());
    world.origin = origin(&world, told.clone());
    let ada = world.sign_up("ada").await;
    let account = Change::Account(ada.id.parse().unwrap());

    world.detector.set(Mood::Unsafe);
    let id = world.staged(&ada, "avatar", &fixture("photo.png")).await;
    told.changes();
    let refused = world.complete(&ada, id).await;
    refused.problem(422, "content-refused");
    assert_eq!(told.changes(), [account]);

    let id = world.staged(&ada, "avatar", b"no picture at all").await;
    told.changes();
    let refused = world.complete(&ada, id).await;
    refused.problem(415, "unsupported-media-type");
    assert_eq!(told.changes(), [account]);
}
