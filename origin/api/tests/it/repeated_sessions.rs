//! Sign-ups and log-ins that their clients name, and send again (`Idempotency-Key`).

use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_conformance::servers::{Holds, ask_database};
use sluicegate_core::answer::RequestName;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::repeats::stands_still;
use crate::support::{Answer, Call, World, call};

const LIMIT: Duration = Duration::from_secs(30);
const PASSWORD: &str = "correct horse";

fn ask(path: &str, key: &str, request: &Value) -> Call {
    call("POST", path)
        .header("idempotency-key", key)
        .json(request)
}

fn ada() -> Value {
    json!({ "handle": "ada", "password": PASSWORD })
}

async fn refresh(world: &World, session: &Value) -> Answer {
    let request = json!({ "refresh_token": session["refresh_token"] });
    call("POST", "/v1/sessions/refresh")
        .json(&request)
        .send(&world.origin)
        .await
}

async fn works(world: &World, session: &Value) -> bool {
    let token = session["access_token"].as_str().unwrap();
    let me = call("GET", "/v1/me").token(token).send(&world.origin).await;
    me.status == 200
}

async fn ends(world: &World, session: &Value) {
    let token = session["access_token"].as_str().unwrap();
    let ended = call("DELETE", "/v1/sessions/current").token(token);
    ended.send(&world.origin).await.expect(204);
}

#[tokio::test]
async fn a_repeat_goes_on_with_the_session_that_began() {
    let world = World::new().await;
    for path in ["/v1/accounts", "/v1/sessions"] {
        let first = ask(path, "k", &ada()).send(&world.origin).await.expect(201);
        // As another origin answers, too.
        let origin = world.another_origin();
        let again = ask(path, "k", &ada()).send(&origin).await.expect(201);
        assert_eq!(again["account"], first["account"], "{path}");
        assert_ne!(again["refresh_token"], first["refresh_token"], "{path}");
        assert!(again["device_token"].is_string(), "{path}");
        let next = refresh(&world, &again).await.expect(200);

        // It is one session: both end together.
        assert!(works(&world, &first).await && works(&world, &next).await);
        ends(&world, &next).await;
        assert!(!works(&world, &first).await, "{path}");

        // What ended does not begin again under its name: that is another one.
        let third = ask(path, "k", &ada()).send(&world.origin).await.expect(201);
        assert!(works(&world, &third).await && !works(&world, &next).await);
    }
}

#[tokio::test]
async fn the_tokens_that_a_repeat_replaced_are_used_up() {
    let world = World::new().await;
    let first = ask("/v1/accounts", "k", &ada())
        .send(&world.origin)
        .await
        .expect(201);
    let again = ask("/v1/accounts", "k", &ada())
        .send(&world.origin)
        .await
        .expect(201);
    assert!(works(&world, &again).await);
    refresh(&world, &first).await.problem(401, "unauthorized");
    assert!(
        !works(&world, &again).await,
        "it cannot be told from a thief"
    );
}

#[tokio::test]
async fn a_name_of_a_sign_up_is_for_one_account_and_its_owner() {
    let world = World::new().await;
    let path = "/v1/accounts";
    ask(path, "k", &ada()).send(&world.origin).await.expect(201);
    let taken = |key| ask(path, key, &ada());
    taken("other")
        .send(&world.origin)
        .await
        .problem(409, "handle-taken");
    for another in [
        json!({ "handle": "ada", "password": "another one" }),
        json!({ "handle": "ada", "password": PASSWORD, "display_name": "Ada" }),
    ] {
        let refused = ask(path, "k", &another).send(&world.origin).await;
        refused.problem(422, "idempotency-key-reused");
    }
    let grace = json!({ "handle": "grace", "password": PASSWORD });
    let grace = ask(path, "k", &grace).send(&world.origin).await.expect(201);
    assert_eq!(grace["account"]["handle"], "grace");
    // A log-in's is another name; a sign-up's means nothing a day later.
    ask("/v1/sessions", "k", &ada())
        .send(&world.origin)
        .await
        .expect(201);
    world.clock.advance(Duration::from_hours(24));
    taken("k")
        .send(&world.origin)
        .await
        .problem(409, "handle-taken");
}

#[tokio::test]
async fn a_name_of_a_log_in_opens_nothing_without_the_password() {
    let world = World::new().await;
    world.sign_up("ada").await;
    ask("/v1/sessions", "k", &ada())
        .send(&world.origin)
        .await
        .expect(201);
    let wrong = json!({ "handle": "ada", "password": "battery staple" });
    let refused = ask("/v1/sessions", "k", &wrong).send(&world.origin).await;
    refused.problem(401, "invalid-credentials");
    let another = json!({ "handle": "ada", "password": PASSWORD, "restore": true });
    let another = ask("/v1/sessions", "k", &another).send(&world.origin).await;
    another.problem(422, "idempotency-key-reused");
    let unfit = ask("/v1/sessions", "a b", &ada()).send(&world.origin).await;
    unfit.problem(400, "invalid-request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_in_beside_the_first_is_told_to_come_again() {
    let world = World::new().await;
    let ada_s = world.sign_up("ada").await;
    let name = RequestName {
        owner: ada_s.id.parse().unwrap(),
        route: "POST /v1/sessions",
        key: "k".to_owned(),
        fingerprint: [1; 32],
        at: world.state.env.now(),
    };
    let (go_on, first) = stands_still(&world, name).await;
    let beside = ask("/v1/sessions", "k", &ada()).send(&world.origin).await;
    assert_eq!(beside.header("retry-after"), "1");
    beside.problem(409, "conflict");
    go_on.send(()).unwrap();
    first.await.unwrap().unwrap();
}

/// A sign-up that runs has its handle, and who comes beside it waits for what becomes of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_up_beside_the_first_goes_on_with_its_account() {
    let world = World::new().await;
    let url = world.test_database.url().to_owned();
    // The last thing that a sign-up under a name writes.
    let holds = Holds::begin(&url, "lock table stored_answers in exclusive mode").await;
    let mut asked = JoinSet::new();
    for _ in 0..2 {
        let origin = world.another_origin();
        asked.spawn(async move { ask("/v1/accounts", "k", &ada()).send(&origin).await });
    }
    let waiting = "select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    let both = async {
        while ask_database(&url, waiting).await < 2 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LIMIT, both).await.expect("both run");
    holds.let_go().await;
    let mut accounts = Vec::new();
    for answer in asked.join_all().await {
        accounts.push(answer.expect(201)["account"]["id"].clone());
    }
    accounts.dedup();
    assert_eq!(accounts.len(), 1);
}

#[tokio::test]
async fn sign_ups_that_come_at_once_make_one_account() {
    let world = World::new().await;
    let mut asked = JoinSet::new();
    for _ in 0..4 {
        let origin = world.another_origin();
        asked.spawn(async move { ask("/v1/accounts", "k", &ada()).send(&origin).await });
    }
    let mut accounts = Vec::new();
    for answer in asked.join_all().await {
        match answer.status.as_u16() {
            201 => accounts.push(answer.expect(201)["account"]["id"].clone()),
            _ => drop(answer.problem(409, "conflict")),
        }
    }
    accounts.dedup();
    assert_eq!(accounts.len(), 1);
}
