use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use serde_json::{Value, json};
use sluicegate_contract::ids::UploadId;
use sluicegate_core::moderation::{Outcome, Record, Subject};
use sluicegate_core::ports::ImageVerdict;
use sluicegate_core::wake::Wake;

use crate::support::{Person, World, call, fixture, read};

/// Well above what a test waits for on purpose, and below what it would wait by mistake.
const SOON: Duration = Duration::from_secs(8);

#[tokio::test]
async fn a_status_answers_at_once_without_a_reason_to_wait() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let id = world.upload(&ada, "avatar").await;
    let began = Instant::now();
    let path = format!("/v1/uploads/{id}");
    let status = world.get(&ada, &path).await;
    assert_eq!(status.header("etag"), "\"2\"");
    assert_eq!(status.expect(200)["revision"], 2);
    world
        .get(&ada, &format!("{path}?wait=20&revision=1"))
        .await
        .expect(200);
    let stale = call("GET", &format!("{path}?wait=20")).header("if-none-match", "\"1\"");
    stale
        .token(&ada.access)
        .send(&world.origin)
        .await
        .expect(200);
    call("GET", &format!("/edge/v1/media/{id}"))
        .send(&world.origin)
        .await
        .expect(200);
    let settled = world
        .get(&ada, &format!("{path}?wait=20"))
        .await
        .expect(200);
    assert_eq!(settled["status"], "ready", "settled: nobody will judge it");
    assert_eq!(settled["moderation_expected"], false);
    assert!(began.elapsed() < SOON);
}

#[tokio::test]
async fn a_status_waits_for_the_next_change() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let id = world.upload(&ada, "avatar").await;
    let path = format!("/v1/uploads/{id}?wait=20");
    let media = format!("/edge/v1/media/{id}");
    let began = Instant::now();
    let make = call("GET", &media).send(&world.origin);
    let (status, _) = tokio::join!(world.get(&ada, &path), make);
    assert!(status.expect(200)["revision"].as_u64().unwrap() > 2);
    assert!(began.elapsed() < SOON);
}

#[tokio::test]
async fn a_status_answers_with_what_there_is_when_the_time_is_over() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let id = world.upload(&ada, "avatar").await;
    let began = Instant::now();
    let status = world
        .get(&ada, &format!("/v1/uploads/{id}?wait=1"))
        .await
        .expect(200);
    assert_eq!(status["status"], "received");
    assert!(began.elapsed() >= Duration::from_secs(1));
    let same = call("GET", &format!("/v1/uploads/{id}")).header("if-none-match", "\"2\"");
    let same = same.token(&ada.access).send(&world.origin).await;
    assert_eq!((same.status.as_u16(), same.body.len()), (304, 0));
}

#[tokio::test]
async fn more_waiters_than_allowed_do_not_wait() {
    let world = World::with(|config| config.waiters = 0).await;
    let ada = world.sign_up("ada").await;
    let id = world.upload(&ada, "avatar").await;
    let began = Instant::now();
    world
        .get(&ada, &format!("/v1/uploads/{id}?wait=20"))
        .await
        .expect(200);
    let events = world.get(&ada, &format!("/v1/uploads/{id}/events")).await;
    assert_eq!(events_of(events.text()).len(), 1);
    assert!(began.elapsed() < SOON);
}

#[tokio::test]
async fn one_account_leaves_places_to_others() {
    let world = World::with(|config| config.waiters_by_account = 1).await;
    let (ada, grace) = (world.sign_up("ada").await, world.sign_up("grace").await);
    let id = world.upload(&ada, "avatar").await;
    let path = format!("/v1/uploads/{id}");
    // It holds its place until it is read or dropped.
    let stream = call("GET", &format!("{path}/events")).token(&ada.access);
    let stream = stream.begin(&world.origin).await;
    let began = Instant::now();
    let wait = format!("{path}?wait=20");
    world.get(&ada, &wait).await.expect(200);
    let second = world.get(&ada, &format!("{path}/events")).await;
    assert_eq!(events_of(second.text()).len(), 1);
    assert!(began.elapsed() < SOON, "one waits, the others do not");

    let other = world.upload(&grace, "avatar").await;
    waits(&world, &grace, other).await;
    drop(stream);
    waits(&world, &ada, id).await;
}

async fn waits(world: &World, person: &Person, id: UploadId) {
    let began = Instant::now();
    let path = format!("/v1/uploads/{id}?wait=1");
    world.get(person, &path).await.expect(200);
    assert!(began.elapsed() >= Duration::from_secs(1));
}

/// `(id, data)` of each event.
fn events_of(stream: &str) -> Vec<(u64, Value)> {
    let mut events = Vec::new();
    for block in stream
        .split("\n\n")
        .filter(|block| block.contains("event: upload"))
    {
        let line = |name: &str| {
            block
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap()
        };
        let data = serde_json::from_str(line("data: ")).unwrap();
        events.push((line("id: ").parse().unwrap(), data));
    }
    events
}

#[tokio::test]
async fn events_tell_each_change_until_the_upload_is_settled() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let id = world.upload(&ada, "avatar").await;
    let path = format!("/v1/uploads/{id}/events");
    let media = format!("/edge/v1/media/{id}");
    let stream = call("GET", &path).token(&ada.access);
    let stream = stream.begin(&world.origin).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut stream = stream.into_body();
    let first = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    let make = call("GET", &media).send(&world.origin);
    let (rest, _) = tokio::join!(read(stream), make);
    let text = String::from_utf8([&first[..], &rest[..]].concat()).unwrap();
    let events = events_of(&text);
    assert!(events.len() >= 2, "{events:?}");
    assert!(events.is_sorted_by(|a, b| a.0 < b.0), "{events:?}");
    assert_eq!(events[0].1["status"], "received");
    let (last, upload) = events.last().unwrap();
    assert_eq!(
        (&upload["status"], &upload["revision"]),
        (&json!("ready"), &json!(last))
    );

    let again = call("GET", &path)
        .token(&ada.access)
        .header("last-event-id", &last.to_string());
    let again = again.send(&world.origin).await;
    assert_eq!(events_of(again.text()), [], "nothing newer will come");
}

/// A picture that is made, where a detector is configured that has not judged it yet.
async fn unjudged() -> (World, Person, UploadId) {
    let world = World::with(|config| config.image_checks = true).await;
    let ada = world.sign_up("ada").await;
    let file = fixture("photo.png");
    let id = world.staged(&ada, "avatar", &file).await;
    let completed = world.complete(&ada, id).await.expect(201);
    assert_eq!(completed["moderation_expected"], true);
    let made = call("GET", &format!("/edge/v1/media/{id}"));
    made.send(&world.origin).await.expect(200);
    (world, ada, id)
}

/// As a worker notes it.
async fn judge(world: &World, person: &Person, id: UploadId) {
    let record = Record {
        id: world.state.env.new_id(),
        subject: Subject::Upload(id),
        owner: person.id.parse().unwrap(),
        source: "test".to_owned(),
        stage: "image".to_owned(),
        outcome: Outcome::Passed,
        reason: String::new(),
        confidence: 1.0,
        scores: Value::Null,
        created_at: world.state.env.now(),
    };
    let (verdict, now) = (ImageVerdict::Passed(record), world.state.env.now());
    let uploads = &world.state.uploads;
    uploads
        .apply_verdict(id, &verdict, None, now)
        .await
        .unwrap();
    world.state.waker.wake(Wake::Upload(id));
}

#[tokio::test]
async fn a_status_waits_for_a_verdict_that_is_to_come() {
    let (world, ada, id) = unjudged().await;
    let path = format!("/v1/uploads/{id}");
    let began = Instant::now();
    let still = world.get(&ada, &format!("{path}?wait=1")).await.expect(200);
    assert!(began.elapsed() >= Duration::from_secs(1), "it waited");
    assert_eq!(
        (&still["status"], &still["moderation_expected"]),
        (&json!("ready"), &json!(true))
    );
    let wait = format!("{path}?wait=20");
    let (status, ()) = tokio::join!(world.get(&ada, &wait), judge(&world, &ada, id));
    let status = status.expect(200);
    assert_eq!(
        (&status["moderation"], &status["moderation_expected"]),
        (&json!("passed"), &json!(false))
    );
}

#[tokio::test]
async fn events_go_on_after_ready_while_a_verdict_is_to_come() {
    let (world, ada, id) = unjudged().await;
    let stream = call("GET", &format!("/v1/uploads/{id}/events")).token(&ada.access);
    let mut stream = stream.begin(&world.origin).await.into_body();
    let first = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    let first = events_of(std::str::from_utf8(&first).unwrap());
    assert_eq!(
        (&first[0].1["status"], &first[0].1["moderation_expected"]),
        (&json!("ready"), &json!(true))
    );
    let (rest, ()) = tokio::join!(read(stream), judge(&world, &ada, id));
    let rest = events_of(std::str::from_utf8(&rest).unwrap());
    let (_, last) = rest.last().expect("the verdict is an event");
    assert_eq!(
        (&last["moderation"], &last["moderation_expected"]),
        (&json!("passed"), &json!(false))
    );
}
