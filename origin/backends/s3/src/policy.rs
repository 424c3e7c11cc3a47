//! What a bucket's policy says.

use serde_json::Value;

/// Whether it allows anything to those who have no keys, on no condition. What cannot be read does not count: no store
/// obeys that.
pub(crate) fn lets_anybody(policy: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else {
        return false;
    };
    match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().any(is_open),
        Some(statement) => is_open(statement),
        None => false,
    }
}

fn is_open(statement: &Value) -> bool {
    let allows = statement.get("Effect").and_then(Value::as_str) == Some("Allow");
    let no_condition = match statement.get("Condition") {
        None => true,
        Some(condition) => condition.as_object().is_some_and(serde_json::Map::is_empty),
    };
    // Whoever is meant by what is left out is everybody else.
    let anybody = statement.get("NotPrincipal").is_some()
        || statement.get("Principal").is_some_and(|who| match who {
            Value::Object(kinds) => kinds.values().any(is_anybody),
            who => is_anybody(who),
        });
    allows && no_condition && anybody
}

fn is_anybody(who: &Value) -> bool {
    match who {
        Value::String(name) => name == "*",
        Value::Array(names) => names.iter().any(is_anybody),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::lets_anybody;

    fn statement(members: &str) -> String {
        format!(r#"{{"Version":"2012-10-17","Statement":[{{{members}}}]}}"#)
    }

    #[test]
    fn anybody_is_found_in_any_form() {
        for who in [
            r#""Principal":"*""#,
            r#""Principal":{"AWS":"*"}"#,
            r#""Principal":{"AWS":["arn:aws:iam::1:root","*"]}"#,
            r#""NotPrincipal":{"AWS":"arn:aws:iam::1:root"}"#,
            r#""Principal":"*","Condition":{}"#,
        ] {
            let members = format!(r#""Effect":"Allow","Action":"s3:GetObject",{who}"#);
            assert!(lets_anybody(&statement(&members)), "{who}");
        }
        let single = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*"}}"#;
        assert!(lets_anybody(single));
    }

    #[test]
    fn others_are_nobody() {
        for members in [
            r#""Effect":"Deny","Principal":"*""#,
            r#""Effect":"Allow","Principal":{"AWS":["arn:aws:iam::1:user/a"]}"#,
            r#""Effect":"Allow","Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
        ] {
            assert!(!lets_anybody(&statement(members)), "{members}");
        }
        assert!(!lets_anybody("") && !lets_anybody("{}"));
    }
}
