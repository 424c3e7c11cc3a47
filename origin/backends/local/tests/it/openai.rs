use std::sync::Arc;

use serde_json::{Value, json};
use sluicegate_conformance::scripted::{Reply, ScriptedServer};
use sluicegate_conformance::text_model::{POST, Wire, all};
use sluicegate_core::ports::TextModel;
use sluicegate_local::OpenAiModel;

use crate::support::{EXPECTED, client, model};
use crate::text_model::{NONSENSE, SAFE, UNSAFE};

fn reply(content: &Value, finish_reason: &str) -> String {
    json!({
        "id": "x", "object": "chat.completion", "created": 1, "model": "tiny",
        "choices": [{
            "index": 0, "finish_reason": finish_reason,
            "message": {"role": "assistant", "content": content, "refusal": null},
        }],
    })
    .to_string()
}

#[tokio::test]
async fn openai_conforms() {
    let mut nonsense: Vec<String> = NONSENSE
        .iter()
        .map(|text| reply(&json!(text), "stop"))
        .collect();
    nonsense.push(reply(&Value::Null, "stop"));
    nonsense.push(reply(&json!(SAFE), "length"));
    nonsense.push(reply(&json!(SAFE), "content_filter"));
    nonsense.push(r#"{"choices":[]}"#.to_owned());
    nonsense.push(r#"{"error":{"message":"no such model"}}"#.to_owned());
    let wire = Wire {
        safe: reply(&json!(SAFE), "stop"),
        unsafe_: reply(&json!(UNSAFE), "stop"),
        nonsense,
    };
    let client = client();
    let make = |url: &str| -> Arc<dyn TextModel> {
        Arc::new(OpenAiModel::new(model(url, &client), Some("key".into())).expect("a URL"))
    };
    all(make, &wire, EXPECTED).await;
}

#[tokio::test]
async fn openai_is_asked_with_key_and_schema() {
    let server = ScriptedServer::start(Reply::ok(&reply(&json!(SAFE), "stop"))).await;
    for base in [server.url(), format!("{}/v1/", server.url())] {
        let asked = OpenAiModel::new(model(&base, &client()), Some("sk-1".into())).expect("a URL");
        asked.judge(POST).await.expect("safe");
        asked.ping().await.expect("there");
        let seen = server.take_seen();
        assert_eq!(seen[0].path, "/v1/chat/completions");
        assert_eq!(seen[0].headers["authorization"], "Bearer sk-1");
        assert_eq!(seen[1].path, "/v1/models");
        let body: Value = serde_json::from_slice(&seen[0].body).expect("JSON");
        assert_eq!(body["temperature"], 0);
        assert_eq!(body["response_format"]["type"], "json_schema");
        let schema = &body["response_format"]["json_schema"];
        assert_eq!(
            (&schema["strict"], &schema["schema"]["additionalProperties"]),
            (&json!(true), &json!(false))
        );
        let post = body["messages"][1]["content"].as_str().expect("text");
        assert_eq!(
            serde_json::from_str::<Value>(post).expect("JSON"),
            json!({"post": POST})
        );
    }
}
