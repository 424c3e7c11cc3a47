//! Puts names in place of what changes from run to run.

use std::collections::BTreeMap;

use serde_json::Value;
use sluicegate_contract::headers::RATE_LIMIT;

use super::recording::{Answer, Exchange, Request, Step};

/// Members whose values are told once and used again.
const TOLD: [&str; 7] = [
    "id",
    "access_token",
    "refresh_token",
    "device_token",
    "kid",
    "x",
    "next",
];
/// Members that are anything of their kind.
const TIMES: [&str; 6] = [
    "created_at",
    "delete_after",
    "received_at",
    "ready_at",
    "moderated_at",
    "expires_at",
];
const TEXTS: [&str; 4] = ["detail", "instance", "blurhash", "title"];
const NUMBERS: [&str; 6] = [
    "revision",
    "last_event_id",
    "width",
    "height",
    "length",
    "retry_after",
];
/// Headers that are anything.
const ANY_HEADER: [&str; 8] = [
    "etag",
    "host",
    "retry-after",
    "sluicegate-client-address",
    "sluicegate-edge-key",
    "traceparent",
    "x-request-id",
    "content-length",
];

/// Names by value.
#[derive(Default)]
pub(super) struct Naming {
    known: BTreeMap<String, String>,
    counts: BTreeMap<String, usize>,
}

impl Naming {
    /// The step with names in it. Names are learned from the origin's answers in their order.
    pub(super) fn step(&mut self, step: &Step) -> Step {
        for exchange in &step.origin {
            self.learn(&exchange.answer.json);
        }
        Step {
            name: step.name.clone(),
            client: self.exchange(&step.client),
            origin: step
                .origin
                .iter()
                .map(|exchange| self.exchange(exchange))
                .collect(),
            sent: step.sent.clone(),
        }
    }

    fn learn(&mut self, json: &Value) {
        match json {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(text) if TOLD.contains(&name.as_str()) => {
                            self.name(name, text);
                        }
                        // Presigned addresses, and the entity tag that goes with one.
                        Value::String(text) if name == "url" && text.starts_with("http") => {
                            self.name("store_url", text);
                        }
                        Value::String(text) if name == "etag" => self.name("etag", text),
                        Value::String(text) if name == "preview_url" => {
                            if let Some((_, token)) = text.split_once("?preview=") {
                                self.name("preview", token);
                            }
                        }
                        other => self.learn(other),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            _ => {}
        }
    }

    fn name(&mut self, kind: &str, value: &str) {
        if !self.known.contains_key(value) {
            let count = self.counts.entry(kind.to_owned()).or_default();
            *count += 1;
            self.known
                .insert(value.to_owned(), format!("<{kind}-{count}>"));
        }
    }

    fn exchange(&self, exchange: &Exchange) -> Exchange {
        let Exchange { request, answer } = exchange;
        Exchange {
            request: Request {
                method: request.method.clone(),
                target: self.text(&request.target),
                headers: self.headers(&request.headers),
                json: self.json(None, &request.json),
                file: request.file.clone(),
            },
            answer: Answer {
                status: answer.status,
                headers: self.headers(&answer.headers),
                json: self.json(None, &answer.json),
            },
        }
    }

    fn headers(&self, headers: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let value = |name: &str, value: &str| match name {
            any if ANY_HEADER.contains(&any) => "<text>".to_owned(),
            RATE_LIMIT => without_resets(value),
            _ => self.text(value),
        };
        headers
            .iter()
            .map(|(name, text)| (name.clone(), value(name, text)))
            .collect()
    }

    /// The longest values first: one may be a part of another.
    fn text(&self, text: &str) -> String {
        let mut known: Vec<(&String, &String)> = self.known.iter().collect();
        known.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        known
            .into_iter()
            .fold(text.to_owned(), |text, (value, name)| {
                text.replace(value, name)
            })
    }

    fn json(&self, member: Option<&str>, json: &Value) -> Value {
        let is_one_of = |names: &[&str]| member.is_some_and(|member| names.contains(&member));
        match json {
            Value::String(_) if is_one_of(&TIMES) => "<time>".into(),
            Value::String(_) if is_one_of(&TEXTS) => "<text>".into(),
            Value::Number(_) if is_one_of(&NUMBERS) => "<number>".into(),
            Value::String(text) => self.text(text).into(),
            Value::Array(items) => items.iter().map(|item| self.json(None, item)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), self.json(Some(name), value)))
                .collect(),
            other => other.clone(),
        }
    }
}

/// How many seconds it is until a quota is one no more (`t` of the field) changes from run to run.
fn without_resets(field: &str) -> String {
    let mut parts = field.split(";t=");
    let mut named = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        named.push_str(";t=<number>");
        named.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    named
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn when_a_quota_ends_is_a_number() {
        let field = r#""open-tickets";r=0;t=1499, "pictures-a-day";r=197"#;
        let named = r#""open-tickets";r=0;t=<number>, "pictures-a-day";r=197"#;
        assert_eq!(without_resets(field), named);
        assert_eq!(without_resets(r#""a";r=0;t=9"#), r#""a";r=0;t=<number>"#);
        assert_eq!(without_resets(r#""a";r=1"#), r#""a";r=1"#);
    }

    #[test]
    fn values_that_are_used_again_keep_their_name() {
        let mut naming = Naming::default();
        naming.learn(&json!({"id": "0193", "url": "/media/0193.webp", "put": {"url": "http://s/staging/0193?x"}}));
        naming.learn(&json!({"items": [{"id": "0193"}, {"id": "0777"}]}));
        assert_eq!(
            naming.text("/v1/uploads/0193/complete"),
            "/v1/uploads/<id-1>/complete"
        );
        let named = naming.json(
            None,
            &json!({
                "put": {"url": "http://s/staging/0193?x"}, "url": "/media/0777.webp",
                "created_at": "2026", "revision": 3, "detail": "because",
            }),
        );
        let expected = json!({
            "put": {"url": "<store_url-1>"}, "url": "/media/<id-2>.webp",
            "created_at": "<time>", "revision": "<number>", "detail": "<text>",
        });
        assert_eq!(named, expected);
    }
}
