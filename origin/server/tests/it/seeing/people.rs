use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(1);

/// Somebody who uses the origin as an edge does for them.
pub(crate) struct Person {
    client: Client,
    origin: String,
    token: String,
}

#[expect(clippy::disallowed_methods, reason = "a test is a client of its own")]
fn client() -> Client {
    Client::new()
}

impl Person {
    pub(crate) async fn sign_up(origin: &str, handle: &str) -> Self {
        let client = client();
        let person = json!({ "handle": handle, "password": "correct horse" });
        let request = client.post(format!("{origin}/v1/accounts")).json(&person);
        let session = answer(request, 201).await;
        Self {
            client,
            origin: origin.to_owned(),
            token: session["access_token"]
                .as_str()
                .expect("has a token")
                .to_owned(),
        }
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.origin);
        self.client.request(method, url).bearer_auth(&self.token)
    }

    /// A picture of `tests/fixtures`, until nothing more happens to it.
    pub(crate) async fn upload(&self, fixture: &str, traceparent: &str) -> Value {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
        let file = std::fs::read(folder.join(fixture)).expect("is there");
        let ticket = json!({ "purpose": "avatar", "content_length": file.len() });
        let request = self
            .ask(Method::POST, "/edge/v1/upload-tickets")
            .json(&ticket);
        let ticket = answer(request.header("traceparent", traceparent), 201).await;
        let id = ticket["id"].as_str().expect("has an id");
        let mut put = self
            .client
            .put(ticket["put"]["url"].as_str().expect("has a URL"));
        for (name, value) in ticket["put"]["headers"].as_object().expect("has headers") {
            put = put.header(name, value.as_str().expect("is text"));
        }
        let stored = put.body(file).timeout(LIMIT).send().await.expect("answers");
        assert_eq!(stored.status(), 200);
        let complete = self.ask(Method::POST, &format!("/v1/uploads/{id}/complete"));
        answer(complete.header("traceparent", traceparent), 201).await
    }

    pub(crate) async fn post(&self, body: &str) {
        let request = self
            .ask(Method::POST, "/v1/posts")
            .json(&json!({ "body": body }));
        answer(request, 201).await;
    }

    pub(crate) async fn get(&self, path: &str, status: u16) -> Value {
        answer(self.ask(Method::GET, path), status).await
    }
}

async fn answer(request: RequestBuilder, status: u16) -> Value {
    let answer = request.timeout(LIMIT).send().await.expect("answers");
    let seen = answer.status().as_u16();
    let text = answer.text().await.expect("has a body");
    assert_eq!(seen, status, "{text}");
    serde_json::from_str(&text).expect("is JSON")
}
