//! Server-sent events as they are kept: an array with an object for each, whose members are the event's fields.

use serde_json::{Map, Value};

/// The content type of streams of them.
pub const CONTENT_TYPE: &str = "text/event-stream";

/// The events of a stream that has ended. Comments are none; `id` is kept as `last_event_id`.
pub fn read(stream: &str) -> Value {
    let events = stream.split("\n\n").map(event);
    events.filter(|event| !event.is_empty()).collect()
}

fn event(block: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    for line in block.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        match name {
            "" => None,
            "id" => fields.insert("last_event_id".to_owned(), value),
            name => fields.insert(name.to_owned(), value),
        };
    }
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_members_and_comments_are_nothing() {
        let stream = "event: upload\nid: 4\nretry: 2000\ndata: {\"id\":\"a: b\"}\n\n: still here\n\n\
            event:other\ndata: no json\n\n";
        let events = json!([
            {"event": "upload", "last_event_id": 4, "retry": 2_000, "data": {"id": "a: b"}},
            {"event": "other", "data": "no json"},
        ]);
        assert_eq!(read(stream), events);
        assert_eq!(read(""), json!([]));
    }
}
