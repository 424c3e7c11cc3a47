//! Which problems each operation may answer with.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sluicegate_contract::headers::{PROBLEM_JSON, RATE_LIMIT, RATE_LIMIT_POLICY};
use sluicegate_contract::problem::ProblemType;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{AllOfBuilder, Type};
use utoipa::openapi::{
    ContentBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder,
};

/// Where an annotation names the slugs of what only its endpoint refuses.
const EXTENSION: &str = "x-problems";

/// Of every operation: the edge looks at the head, and asks others that may be down.
const ALWAYS: [ProblemType; 9] = [
    ProblemType::InvalidRequest,
    ProblemType::RequestTimeout,
    ProblemType::UriTooLong,
    ProblemType::HeadersTooLarge,
    ProblemType::Internal,
    ProblemType::BadGateway,
    ProblemType::Unavailable,
    ProblemType::UnsupportedContract,
    ProblemType::GatewayTimeout,
];
/// Of operations that read a body.
const WITH_BODY: [ProblemType; 2] = [ProblemType::TooLarge, ProblemType::UnsupportedMediaType];

/// Adds the refusals of all operations, and describes each kind once.
pub(super) fn add(document: &mut OpenApi) {
    let mut described = BTreeMap::new();
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            for (status, kinds) in refusals(path, operation) {
                let name = name(&kinds);
                described
                    .entry(name.clone())
                    .or_insert_with(|| response(&kinds));
                refuse(operation, status, &name);
            }
        }
    }
    let components = document.components.get_or_insert_default();
    components.responses.extend(
        described
            .into_iter()
            .map(|(name, response)| (name, response.into())),
    );
}

pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        item.get.as_mut(),
        item.put.as_mut(),
        item.post.as_mut(),
        item.delete.as_mut(),
        item.patch.as_mut(),
    ]
    .into_iter()
    .flatten()
}

fn refuse(operation: &mut Operation, status: u16, name: &str) {
    let reference = RefOr::Ref(Ref::from_response_name(name));
    let responses = &mut operation.responses.responses;
    responses.insert(status.to_string(), reference);
}

/// The problems by their status.
fn refusals(path: &str, operation: &mut Operation) -> BTreeMap<u16, BTreeSet<&'static str>> {
    let mut kinds = ALWAYS.to_vec();
    if operation.request_body.is_some() {
        kinds.extend(WITH_BODY);
    }
    if is_counted(operation) {
        kinds.push(ProblemType::TooManyRequests);
    }
    if operation.security.is_some() {
        kinds.push(ProblemType::Unauthorized);
    }
    if path.contains('{') {
        kinds.push(ProblemType::NotFound);
    }
    kinds.extend(own(operation));
    let mut by_status = BTreeMap::<_, BTreeSet<_>>::new();
    for kind in kinds {
        by_status
            .entry(kind.status())
            .or_default()
            .insert(kind.slug());
    }
    by_status
}

/// What the annotation names. A slug that is not known stays where it is, and a test finds it there.
fn own(operation: &mut Operation) -> Vec<ProblemType> {
    let Some(extensions) = &mut operation.extensions else {
        return Vec::new();
    };
    let slugs = extensions.remove(EXTENSION).unwrap_or_default();
    let named = slugs.as_array().cloned().unwrap_or_default();
    let known: Vec<ProblemType> = named
        .iter()
        .filter_map(Value::as_str)
        .filter_map(ProblemType::from_slug)
        .collect();
    if known.len() != named.len() {
        extensions.insert(EXTENSION.to_owned(), slugs);
    }
    if extensions.is_empty() {
        operation.extensions = None;
    }
    known
}

fn name(slugs: &BTreeSet<&str>) -> String {
    slugs.iter().copied().collect::<Vec<_>>().join(".")
}

fn response(slugs: &BTreeSet<&'static str>) -> Response {
    let kinds: Vec<ProblemType> = slugs
        .iter()
        .filter_map(|slug| ProblemType::from_slug(slug))
        .collect();
    let sentences: Vec<String> = kinds
        .iter()
        .map(|kind| {
            format!(
                "{}: [{slug}]({})",
                kind.title(),
                kind.uri(),
                slug = kind.slug()
            )
        })
        .collect();
    let types = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(kinds.iter().map(|kind| kind.uri())));
    let schema = AllOfBuilder::new()
        .item(Ref::from_schema_name("Problem"))
        .item(ObjectBuilder::new().property("type", types));
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let mut response = ResponseBuilder::new()
        .description(sentences.join("; "))
        .content(PROBLEM_JSON, content);
    if kinds.iter().any(|kind| waits(*kind)) {
        response = response.header("retry-after", seconds());
    }
    if kinds.contains(&ProblemType::TooManyRequests) {
        let limit = "The limit or quota that was passed, and in how many seconds it is one no more";
        response = response
            .header(RATE_LIMIT, text(limit))
            .header(RATE_LIMIT_POLICY, text("How large it is"));
    }
    response.build()
}

/// Whether it counts how fast clients ask: documents and pictures are given to everybody.
fn is_counted(operation: &Operation) -> bool {
    let tags = operation.tags.iter().flatten();
    !tags
        .into_iter()
        .any(|tag| matches!(tag.as_str(), "documents" | "media"))
}

fn waits(kind: ProblemType) -> bool {
    matches!(
        kind,
        ProblemType::TooManyRequests
            | ProblemType::Unavailable
            | ProblemType::StorageFull
            | ProblemType::UnsupportedContract
    )
}

fn text(description: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new()
        .schema(ObjectBuilder::new().schema_type(Type::String))
        .description(Some(description))
        .build()
}

fn seconds() -> utoipa::openapi::Header {
    HeaderBuilder::new()
        .schema(ObjectBuilder::new().schema_type(Type::Integer))
        .description(Some("Seconds to wait before the next try"))
        .build()
}
