use std::path::Path;

use sluicegate_contract::headers::IDEMPOTENCY_KEY;

use super::*;

const COMMITTED: &str = "../../docs/api/openapi.json";
/// Set by `cargo xtask openapi`: the file is written instead of compared.
const BLESS: &str = "SLUICEGATE_BLESS";

#[test]
fn the_committed_document_is_that_of_the_code() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(COMMITTED);
    let text = text();
    if std::env::var_os(BLESS).is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    let line = committed
        .lines()
        .zip(text.lines())
        .position(|(committed, made)| committed != made);
    assert!(
        committed == text,
        "docs/api/openapi.json is not the document of the code (first difference in line {}). If the change \
         is meant, run `cargo xtask openapi` and commit the file; read its diff: it is what clients see.",
        line.map_or(
            committed.lines().count().min(text.lines().count()),
            |line| line
        ) + 1
    );
}

#[test]
fn no_annotation_names_a_problem_that_does_not_exist() {
    assert!(!text().contains("x-problems"));
}

#[test]
fn operations_are_named_once_and_say_what_they_do() {
    let document = serde_json::to_value(document()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap_or_default();
            assert!(
                names.insert(name.to_owned()),
                "{method} {path}: {name:?} is not unique"
            );
            assert!(operation["summary"].is_string() && operation["tags"].is_array());
            assert!(
                !name.is_empty() && name != "handler",
                "{method} {path} has no name"
            );
        }
    }
}

#[test]
fn whatever_is_created_can_be_asked_for_again() {
    let document = serde_json::to_value(document()).unwrap();
    let mut created = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let post = &item["post"];
        // What has its name already is named by it.
        if path.contains('{') || post["responses"]["201"].is_null() {
            continue;
        }
        created += 1;
        let parameters = post["parameters"].as_array().into_iter().flatten();
        let mut names = parameters.filter_map(|parameter| parameter["name"].as_str());
        assert!(names.any(|name| name == IDEMPOTENCY_KEY), "POST {path}");
    }
    assert!(created >= 5, "{created}");
}
