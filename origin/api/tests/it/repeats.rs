//! Posts that their clients name, and send again (`Idempotency-Key`).

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_contract::ids::{AccountId, JobId, PostId};
use sluicegate_core::answer::{RequestName, StoredAnswer};
use sluicegate_core::job::{NewJob, ProcessPost};
use sluicegate_core::ports::{CreatePostError, Once};
use sluicegate_core::post::{NewPost, fingerprint};
use tokio::task::{JoinHandle, block_in_place};

use crate::support::{Answer, Person, World, call};

async fn post(world: &World, person: &Person, key: &str, body: &Value) -> Answer {
    call("POST", "/v1/posts")
        .token(&person.access)
        .header("idempotency-key", key)
        .json(body)
        .send(&world.origin)
        .await
}

async fn posts(world: &World, handle: &str) -> usize {
    let path = format!("/v1/profiles/{handle}/posts");
    let page = call("GET", &path).send(&world.origin).await.expect(200);
    page["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_repeat_is_answered_as_the_first_was_and_writes_nothing() {
    // A second one would be refused as a copy.
    let world = World::with(|config| config.content_sync = true).await;
    let ada = world.sign_up("ada").await;
    let hello = json!({ "body": "Hello from the sluice, once" });
    let first = post(&world, &ada, "k-1", &hello).await;
    let (location, kind) = ("location", "content-type");
    assert!(first.header(location).starts_with("/v1/posts/"));
    assert_eq!(first.header(kind), "application/json");
    let repeated = post(&world, &ada, "k-1", &hello).await;
    assert_eq!(repeated.status, first.status);
    for header in [location, kind, "cache-control"] {
        assert_eq!(repeated.header(header), first.header(header), "{header}");
    }
    assert_eq!(repeated.body, first.body);
    let written = first.expect(201);
    assert_eq!(written["body"], hello["body"]);
    assert_eq!(posts(&world, "ada").await, 1);

    // As a second origin answers, and after the post is gone.
    let origin = world.another_origin();
    let path = format!("/v1/posts/{}", written["id"].as_str().unwrap());
    let deleted = call("DELETE", &path).token(&ada.access);
    deleted.send(&origin).await.expect(204);
    let repeated = call("POST", "/v1/posts")
        .token(&ada.access)
        .header("idempotency-key", "k-1")
        .json(&hello);
    assert_eq!(repeated.send(&origin).await.expect(201), written);
    assert_eq!(posts(&world, "ada").await, 0);

    // Without a name, or under another, it is another request.
    let other = post(&world, &ada, "k-2", &json!({ "body": "Something else" })).await;
    other.expect(201);
    assert_eq!(posts(&world, "ada").await, 1);
}

#[tokio::test]
async fn a_name_is_for_one_request_of_one_account() {
    let world = World::new().await;
    let (ada, grace) = (world.sign_up("ada").await, world.sign_up("grace").await);
    let hello = json!({ "body": "Hello" });
    post(&world, &ada, "k", &hello).await.expect(201);
    let another = post(&world, &ada, "k", &json!({ "body": "Good bye" })).await;
    another.problem(422, "idempotency-key-reused");
    post(&world, &grace, "k", &hello).await.expect(201);
    assert_eq!(
        (posts(&world, "ada").await, posts(&world, "grace").await),
        (1, 1)
    );
    for wrong in ["", "a b", &"k".repeat(256)] {
        let refused = post(&world, &ada, wrong, &hello).await;
        refused.problem(400, "invalid-request");
    }
    // A day later it is free.
    world.clock.advance(Duration::from_hours(24));
    let ada = world.log_in("ada").await;
    let later = post(&world, &ada, "k", &json!({ "body": "Good bye" })).await;
    later.expect(201);
}

#[tokio::test]
async fn what_was_refused_is_judged_anew() {
    let world = World::with(|config| config.content_sync = true).await;
    let ada = world.sign_up("ada").await;
    let empty = post(&world, &ada, "k", &json!({ "body": " " })).await;
    empty.problem(400, "invalid-request");
    let first = json!({ "body": "The same words, twice and without a name" });
    let unnamed = call("POST", "/v1/posts").token(&ada.access).json(&first);
    unnamed.send(&world.origin).await.expect(201);
    let copy = post(&world, &ada, "k", &first).await;
    copy.problem(422, "content-refused");
    let right = post(
        &world,
        &ada,
        "k",
        &json!({ "body": "Other words this time" }),
    )
    .await;
    right.expect(201);
}

/// Writes a post under a name, by an origin that stands still before it commits, until it is told to go on.
pub(crate) async fn stands_still(
    world: &World,
    name: RequestName,
) -> (mpsc::Sender<()>, JoinHandle<Result<(), CreatePostError>>) {
    let account = name.owner;
    let (go_on, wait) = mpsc::channel::<()>();
    let (begins, begun) = tokio::sync::oneshot::channel();
    let gates = Mutex::new((Some(begins), wait));
    let (store, env) = (world.state.posts.clone(), world.state.env.clone());
    let first = tokio::spawn(async move {
        let now = env.now();
        let new = NewPost {
            id: PostId(env.new_id()),
            author: account,
            body: "Hello".to_owned(),
            fingerprint: fingerprint("Hello"),
            header: None,
            created_at: now,
        };
        let payload = ProcessPost {
            post_id: new.id,
            user_id: account,
        };
        let job = NewJob::process_post(JobId(env.new_id()), &payload, None, now);
        let answer = |_| {
            let mut gates = gates.lock().unwrap();
            gates.0.take().unwrap().send(()).unwrap();
            block_in_place(|| gates.1.recv_timeout(Duration::from_secs(8))).unwrap();
            StoredAnswer {
                status: 201,
                location: None,
                body: "{}".to_owned(),
            }
        };
        let once = Once {
            name: &name,
            answer: &answer,
        };
        store.create_once(&new, &job, &once).await.map(drop)
    });
    begun.await.unwrap();
    (go_on, first)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_beside_the_first_is_told_to_come_again() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let account: AccountId = ada.id.parse().unwrap();
    let name = RequestName {
        owner: account,
        route: "POST /v1/posts",
        key: "k".to_owned(),
        fingerprint: [1; 32],
        at: world.state.env.now(),
    };
    let (go_on, first) = stands_still(&world, name).await;
    let hello = json!({ "body": "Hello" });
    let beside = post(&world, &ada, "k", &hello).await;
    assert_eq!(beside.header("retry-after"), "1");
    beside.problem(409, "conflict");
    go_on.send(()).unwrap();
    first.await.unwrap().unwrap();
    let after = post(&world, &ada, "k", &hello).await;
    after.problem(422, "idempotency-key-reused");
    assert_eq!(posts(&world, "ada").await, 1);
}
