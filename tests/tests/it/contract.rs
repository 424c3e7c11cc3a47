//! Answers of origins, as they were recorded for the version of the contract that edges speak, to today's edge: real
//! components, with a script in the origin's place. Clients must be answered as they were then. Origins of older
//! versions refuse today's edge, so nothing of them is played to it.

mod script;

use reqwest::Method;
use serde_json::Value;
use sluicegate_contract::headers::CONTRACT_VERSION;
use sluicegate_tests::client::{Answer, Client};
use sluicegate_tests::contract::recording::{Step, load};
use sluicegate_tests::contract::{body, folder, recorder};
use sluicegate_tests::edge::start_edge_alone;

use script::Script;

#[tokio::test]
async fn origins_of_this_version_are_understood() {
    let version = folder(CONTRACT_VERSION);
    let steps = load(&version).unwrap();
    assert!(steps.len() > 20, "of {} steps only", steps.len());
    replay(&steps).await;
    let mut beside = 0;
    for folder in std::fs::read_dir(&version).unwrap() {
        let folder = folder.unwrap().path();
        if folder.is_dir() {
            replay(&load(&folder).unwrap()).await;
            beside += 1;
        }
    }
    assert!(beside > 0, "no scenario beside the first");
}

async fn replay(steps: &[(String, Step)]) {
    let script = Script::start(steps).await;
    let (edge, url, _data) = start_edge_alone(&script.url, &script.url).await.unwrap();
    let client = Client::new(&url).unwrap();
    assert!(!steps.is_empty(), "nothing was recorded");
    for (file, step) in steps {
        script.begin(step);
        let answer = ask(&client, &script, step).await;
        script.end(file);
        compare(&script, file, step, &answer);
    }
    edge.stop(sluicegate_tests::platform::STOP_LIMIT)
        .await
        .unwrap();
}

async fn ask(client: &Client, script: &Script, step: &Step) -> Answer {
    let names = &script.names;
    let mut asked = step.client.request.clone();
    asked.json = names.fill_json(&asked.json);
    let method: Method = asked.method.parse().unwrap();
    let mut request = client.request(method, &names.fill(&asked.target));
    for (name, value) in &asked.headers {
        request = request.header(name, names.fill(value));
    }
    if asked.file.is_some() || !asked.json.is_null() {
        request = request.body(body(&asked).unwrap());
    }
    Answer::read(request.send().await.unwrap()).await.unwrap()
}

fn compare(script: &Script, file: &str, step: &Step, answer: &Answer) {
    let recorded = &step.client.answer;
    let found = recorder::recorded(answer);
    assert_eq!(found.status, recorded.status, "{file}: {}", answer.text());
    let mut names = script.names.clone();
    for (name, value) in &recorded.headers {
        let found = found
            .headers
            .get(name)
            .unwrap_or_else(|| panic!("{file}: no header {name}"));
        assert!(
            names.fits_text(value, found),
            "{file}: header {name}: recorded {value:?}, found {found:?}"
        );
    }
    if recorded.json != Value::Null
        && let Err(difference) = names.fits(&recorded.json, &found.json)
    {
        panic!("{file}: {difference}");
    }
}
