//! What the API says of itself: the OpenAPI document, its page, and the pages of problems.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sluicegate_contract::problem::ProblemType;

use crate::support::{World, call};

/// Not for clients: what edges ask, what operators ask, and the pages for people.
const NOT_PUBLIC: [&str; 4] = ["/edge/v1/", "/livez", "/readyz", "/docs"];
/// Answered by the edge alone.
const OF_THE_EDGE: [&str; 3] = ["/v1/uploads", "/media/{key}", "/healthz"];

async fn document(world: &World) -> Value {
    let answer = call("GET", "/openapi.json").send(&world.origin).await;
    assert_eq!(answer.header("content-type"), "application/json");
    answer.expect(200)
}

/// Paths and methods of the document; HEAD goes with GET.
fn documented(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let paths = document["paths"].as_object().unwrap();
    let methods = |item: &Value| {
        let mut methods: BTreeSet<String> = item
            .as_object()
            .unwrap()
            .keys()
            .map(|method| method.to_uppercase())
            .collect();
        if methods.contains("GET") {
            methods.insert("HEAD".to_owned());
        }
        methods
    };
    paths
        .iter()
        .map(|(path, item)| (path.clone(), methods(item)))
        .collect()
}

/// The paths that the router knows. It shows them to those who debug it, and nowhere else.
fn routed(world: &World) -> BTreeSet<String> {
    let shown = format!("{:?}", world.origin);
    let paths = shown
        .split('"')
        .filter(|text| text.len() > 1 && text.starts_with('/') && !text.contains("__private"));
    paths.map(str::to_owned).collect()
}

/// What the router takes at a path, by its own answer to a method that nobody has.
async fn allowed(world: &World, path: &str) -> BTreeSet<String> {
    let path = path.replace("{id}", "0").replace(['{', '}'], "");
    let answer = call("TRACE", &path).send(&world.origin).await;
    let allow = answer.header("allow").to_owned();
    answer.problem(405, "method-not-allowed");
    allow
        .split(',')
        .map(|method| method.trim().to_owned())
        .collect()
}

#[tokio::test]
async fn every_route_is_in_the_document_and_the_reverse() {
    let world = World::new().await;
    let documented = documented(&document(&world).await);
    let routed = routed(&world);
    assert!(
        routed.contains("/v1/accounts") && routed.contains("/v1/posts/{id}"),
        "the router shows its paths no more: {routed:?}"
    );
    for path in &routed {
        let public = !NOT_PUBLIC.iter().any(|start| path.starts_with(start));
        assert_eq!(
            documented.contains_key(path),
            public,
            "{path}: annotate its handler with #[utoipa::path] and name it in endpoints/openapi/mod.rs"
        );
    }
    for (path, methods) in &documented {
        if OF_THE_EDGE.contains(&path.as_str()) {
            continue;
        }
        assert!(routed.contains(path), "{path} is documented, but no route");
        assert_eq!(&allowed(&world, path).await, methods, "{path}");
    }
}

#[tokio::test]
async fn every_status_names_the_problems_that_it_can_carry() {
    let world = World::new().await;
    let document = document(&world).await;
    let mut named = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                if status.as_str() < "400" {
                    continue;
                }
                let what = format!("{method} {path} {status}");
                let name = response["$ref"].as_str().expect(&what);
                let name = name.rsplit('/').next().unwrap();
                let shared = &document["components"]["responses"][name];
                assert!(shared["description"].is_string(), "{what}: {name}");
                for slug in name.split('.') {
                    let kind = ProblemType::from_slug(slug).expect(&what);
                    assert_eq!(kind.status().to_string(), *status, "{what}");
                    named.insert(slug.to_owned());
                }
            }
        }
    }
    for kind in ProblemType::ALL {
        // No documented operation has these: they are about addresses and methods that are not documented.
        if *kind != ProblemType::MethodNotAllowed {
            assert!(
                named.contains(kind.slug()),
                "no operation answers {}",
                kind.slug()
            );
        }
    }
}

#[tokio::test]
async fn every_reference_of_the_document_leads_somewhere() {
    let world = World::new().await;
    let document = document(&world).await;
    let text = document.to_string();
    let references: BTreeSet<&str> = text
        .split("\"$ref\":\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(references.len() > 20, "{references:?}");
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let world = World::new().await;
    let page = call("GET", "/docs").send(&world.origin).await;
    let policy = page.header("content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
    assert!(!policy.contains("unsafe") && !policy.contains("http"));
    assert!(page.header("content-type").starts_with("text/html"));
    let html = page.text().to_owned();
    for (file, media_type) in [("docs.css", "text/css"), ("docs.js", "text/javascript")] {
        assert!(html.contains(&format!("\"/docs/{file}\"")), "{html}");
        let answer = call("GET", &format!("/docs/{file}"))
            .send(&world.origin)
            .await;
        assert!(answer.header("content-type").starts_with(media_type));
        assert!(!answer.text().contains("://") && !answer.text().contains("innerHTML"));
    }
    assert!(!html.contains("://") && !html.contains("<style") && !html.contains("<script>"));
    call("GET", "/docs/other.js")
        .send(&world.origin)
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn each_problem_has_a_page_and_stands_in_the_list() {
    let world = World::new().await;
    let list = call("GET", "/problems").send(&world.origin).await;
    assert!(list.header("content-type").starts_with("text/html"));
    let json = call("GET", "/problems").header("accept", "application/json");
    let all = json.send(&world.origin).await.expect(200);
    assert_eq!(all.as_array().unwrap().len(), ProblemType::ALL.len());
    for kind in ProblemType::ALL {
        assert!(list.text().contains(&kind.uri()), "{}", kind.slug());
        let page = call("GET", &kind.uri()).send(&world.origin).await;
        assert!(page.header("content-type").starts_with("text/html"));
        assert!(page.text().contains(kind.title()));
        let json = call("GET", &kind.uri()).header("accept", "application/json");
        let explained = json.send(&world.origin).await.expect(200);
        assert_eq!(explained["status"], kind.status());
        assert!(all.as_array().unwrap().contains(&explained));
    }
    call("GET", "/problems/no-such")
        .send(&world.origin)
        .await
        .problem(404, "not-found");
}
