//! What services say, made fit to be kept.

use serde_json::{Map, Value};

const REASON_CHARS: usize = 500;

/// A text of bounded length without control characters (Postgres cannot store NUL).
pub(crate) fn clean_reason(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(REASON_CHARS)
        .collect()
}

/// The numbers of an object, nested ones included; null if there are none. Everything else is dropped.
pub(crate) fn scores(members: &Map<String, Value>) -> Value {
    let mut kept = Map::new();
    for (name, value) in members {
        let value = match value {
            Value::Number(_) => value.clone(),
            Value::Object(members) => scores(members),
            _ => Value::Null,
        };
        if !value.is_null() && !name.chars().any(char::is_control) {
            kept.insert(name.clone(), value);
        }
    }
    if kept.is_empty() {
        Value::Null
    } else {
        Value::Object(kept)
    }
}

/// Whether it is a share: 0 to 1.
pub(crate) fn is_share(number: f64) -> bool {
    (0.0..=1.0).contains(&number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_numbers_are_kept_as_scores() {
        let said = json!({"porn": 0.9, "by": {"a": 1, "b": "x"}, "n": {}, "bad\0": 1, "t": "x"});
        let members = said.as_object().expect("an object");
        assert_eq!(scores(members), json!({"porn": 0.9, "by": {"a": 1}}));
        assert_eq!(scores(&Map::new()), Value::Null);
    }

    #[test]
    fn reasons_are_bounded() {
        assert_eq!(clean_reason("a\0b\n"), "ab");
        assert_eq!(clean_reason(&"é".repeat(900)).chars().count(), 500);
    }
}
