use std::sync::Arc;

use serde_json::{Value, json};
use sluicegate_conformance::scripted::{Reply, ScriptedServer};
use sluicegate_conformance::text_model::{POST, Wire, all};
use sluicegate_core::moderation::Judgement;
use sluicegate_core::ports::TextModel;
use sluicegate_local::{NoModel, OllamaModel};

use crate::support::{EXPECTED, client, model};

pub(crate) const SAFE: &str =
    r#"{"safe":true,"category":"none","reason":"A greeting.","confidence":0.9}"#;
pub(crate) const UNSAFE: &str =
    r#"{"safe":false,"category":"spam","reason":"An offer.","confidence":0.8}"#;
/// What models write when they do not do as they are told.
pub(crate) const NONSENSE: [&str; 5] = [
    "This post is safe.",
    "```json\n{\"safe\":true,\"category\":\"none\",\"reason\":\"\",\"confidence\":1}\n```",
    r#"{"safe":true,"category":"spam","reason":"","confidence":1}"#,
    r#"{"safe":true}"#,
    "",
];

fn reply(content: &str) -> String {
    json!({
        "model": "tiny", "created_at": "2026-11-24T17:00:00Z", "done": true, "done_reason": "stop",
        "message": {"role": "assistant", "content": content}, "total_duration": 5,
    })
    .to_string()
}

#[tokio::test]
async fn ollama_conforms() {
    let mut nonsense: Vec<String> = NONSENSE.iter().map(|text| reply(text)).collect();
    nonsense.push(SAFE.to_owned());
    nonsense.push(r#"{"error":"model not found"}"#.to_owned());
    nonsense.push(reply(SAFE).replace("\"done\":true", "\"done\":false"));
    let wire = Wire {
        safe: reply(SAFE),
        unsafe_: reply(UNSAFE),
        nonsense,
    };
    let client = client();
    let make = |url: &str| -> Arc<dyn TextModel> {
        Arc::new(OllamaModel::new(model(url, &client)).expect("a URL"))
    };
    all(make, &wire, EXPECTED).await;
}

#[tokio::test]
async fn ollama_is_asked_with_a_schema_and_the_post_as_data() {
    let server = ScriptedServer::start(Reply::ok(&reply(SAFE))).await;
    let ollama = OllamaModel::new(model(&server.url(), &client())).expect("a URL");
    ollama.judge(POST).await.expect("safe");
    ollama.ping().await.expect("there");
    let seen = server.take_seen();
    assert_eq!(
        (seen[0].method.as_str(), seen[0].path.as_str()),
        ("POST", "/api/chat")
    );
    let asked: Value = serde_json::from_slice(&seen[0].body).expect("JSON");
    assert_eq!(asked["model"], "tiny");
    assert_eq!(asked["stream"], false);
    assert_eq!(asked["options"]["temperature"], 0);
    assert_eq!(
        asked["format"]["required"],
        json!(["safe", "category", "reason", "confidence"])
    );
    assert_eq!(asked["messages"].as_array().map(Vec::len), Some(2));
    let post = asked["messages"][1]["content"].as_str().expect("text");
    assert_eq!(
        serde_json::from_str::<Value>(post).expect("JSON"),
        json!({"post": POST})
    );
    assert!(
        !asked["messages"][0]["content"]
            .as_str()
            .expect("text")
            .contains("Hello")
    );
    assert_eq!(seen[1].path, "/api/version");
}

#[tokio::test]
async fn none_judges_nothing() {
    assert_eq!(
        NoModel.judge(POST).await.expect("never fails"),
        Judgement::Unjudged
    );
}
