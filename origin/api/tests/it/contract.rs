//! Requests of edges, as they were recorded for each version of the contract, against today's origin.

use std::path::Path;

use serde_json::{Value, json};
use sluicegate_api::ApiConfig;
use sluicegate_contract::headers::{CONTRACT, CONTRACT_VERSION};
use sluicegate_contract::limits;
use sluicegate_core::moderation::ImageGate;

use crate::support::{Call, World, call, fixture};

#[path = "../../../../tests/src/contract/events.rs"]
mod events;
#[path = "../../../../tests/src/contract/recording.rs"]
mod recording;

use recording::{Exchange, Names, Step, load};

const RECORDINGS: &str = "../../tests/contract";

#[tokio::test]
async fn edges_of_every_version_are_understood() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORDINGS);
    let mut replayed = 0;
    for version in std::fs::read_dir(&folder).expect("recordings") {
        let version = version.unwrap().path();
        let steps = load(&version).expect("recordings that can be read");
        assert!(steps.len() > 20, "of {} steps only", steps.len());
        let world = World::with(|config| {
            config.content_sync = true;
            config.direct_uploads = true;
        });
        replayed += replay_all(&world.await, &steps).await;

        for folder in std::fs::read_dir(&version).unwrap() {
            let folder = folder.unwrap().path();
            if folder.is_dir() {
                let steps = load(&folder).expect("recordings of a scenario");
                let name = folder.file_name().unwrap().to_str().unwrap();
                let world = World::with(|config| set(config, name)).await;
                let beside = replay_all(&world, &steps).await;
                assert!(beside > 5, "{beside} exchanges of {name} only");
                replayed += beside;
            }
        }
    }
    assert!(replayed > 20, "{replayed} exchanges only");
}

/// What a scenario was recorded with (`settings` in `tests/src/contract/mod.rs`).
fn set(config: &mut ApiConfig, scenario: &str) {
    config.content_sync = true;
    config.direct_uploads = true;
    match scenario {
        "strict" => {
            config.direct_uploads = false;
            config.image_gate = ImageGate::Strict;
            config.image_checks = true;
        }
        "quotas" => {
            config.limits.quota.open_tickets = 2;
            config.staging_budget = limits::PICTURE_BYTES;
        }
        "repeats" | "profile" | "waiting" | "pages" => {}
        unknown => panic!("nobody says what {unknown} was recorded with"),
    }
}

async fn replay_all(world: &World, steps: &[(String, Step)]) -> usize {
    let mut names = Names::default();
    let mut replayed = 0;
    for (file, step) in steps {
        replay(world, &mut names, file, step).await;
        replayed += step.origin.len();
    }
    replayed
}

async fn replay(world: &World, names: &mut Names, file: &str, step: &Step) {
    for exchange in &step.origin {
        let what = format!(
            "{file}: {} {}",
            exchange.request.method, exchange.request.target
        );
        let request = request(names, exchange);
        let answer = request.send(&world.origin).await;
        assert_eq!(
            answer.status.as_u16(),
            exchange.answer.status,
            "{what}: {}",
            answer.text()
        );
        let found: Value = if answer
            .header("content-type")
            .starts_with(events::CONTENT_TYPE)
        {
            events::read(answer.text())
        } else {
            serde_json::from_slice(&answer.body).unwrap_or_default()
        };
        let mut recorded = exchange.answer.json.clone();
        keep_the_length(&mut recorded);
        if let Err(difference) = names.fits(&recorded, &found) {
            panic!("{what}: {difference}");
        }
        // After the body, which tells the names that headers hold.
        for (name, recorded) in &exchange.answer.headers {
            let found = answer.header(name).to_owned();
            // An origin says its own version, whichever it is asked in.
            let recorded = if name == CONTRACT {
                CONTRACT_VERSION
            } else {
                recorded
            };
            assert!(
                !found.is_empty() && names.fits_text(recorded, &found),
                "{what}: header {name}: recorded {recorded:?}, found {found:?}"
            );
        }
        store(world, step, exchange, &found);
    }
}

/// Which headers a presigned PUT has is between the store and whoever signs.
fn keep_the_length(ticket: &mut Value) {
    let headers = ticket.pointer_mut("/put/headers");
    if let Some(headers) = headers.and_then(Value::as_object_mut) {
        headers.retain(|name, _| name == "content-length");
    }
}

fn request(names: &Names, exchange: &Exchange) -> Call {
    let recorded = &exchange.request;
    let mut request = call(&recorded.method, &names.fill(&recorded.target));
    for (name, value) in &recorded.headers {
        // What changes from run to run has no say in the answer.
        if value != "<text>" {
            request = request.header(name.as_str(), &names.fill(value));
        }
    }
    // An edge of a newer release may say more, in what it says itself; a client's body is passed on as it is.
    request = request.header("x-of-a-newer-release", "1");
    if recorded.json.is_null() {
        return request;
    }
    let mut json = names.fill_json(&recorded.json);
    if let (true, Some(members)) = (recorded.target.starts_with("/edge/"), json.as_object_mut()) {
        members.insert("of_a_newer_release".to_owned(), json!({"a": [1]}));
    }
    request.body(json.to_string())
}

/// The store's part: what the edge or the client sends there under a ticket, unless the recorded store refused it.
fn store(world: &World, step: &Step, exchange: &Exchange, answer: &Value) {
    let file = match exchange.request.target.as_str() {
        "/edge/v1/upload-tickets" => &step.client.request.file,
        "/v1/upload-tickets" => &step.sent,
        _ => &None,
    };
    // 200 is for a file that is there.
    let statuses = (exchange.answer.status, step.client.answer.status);
    if let ((201, 201), Some(file)) = (statuses, file) {
        let id = answer["id"].as_str().unwrap();
        world
            .objects
            .store(&format!("staging/{id}"), &fixture(file));
    }
}

#[tokio::test]
async fn a_newer_version_is_refused_as_an_outage() {
    let world = World::new().await;
    let newer = call("GET", "/v1/posts").header("sluicegate-contract", "2");
    let answer = newer.send(&world.origin).await;
    assert_eq!(answer.header("retry-after"), "30");
    assert_eq!(answer.header("sluicegate-contract"), "1");
    let problem = answer.problem(503, "unsupported-contract");
    assert_eq!(problem["contract"], 1);
    let nonsense = call("GET", "/v1/posts").header("sluicegate-contract", "latest");
    nonsense
        .send(&world.origin)
        .await
        .problem(400, "invalid-request");
}
