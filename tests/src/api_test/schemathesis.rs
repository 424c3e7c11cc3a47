//! Runs the program that makes the requests and checks the answers.

use std::fmt::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use super::Options;
use super::things::{HANDLE, Things};
use crate::client::PASSWORD;
use crate::fixtures;
use crate::platform::Platform;

/// What every answer is held against.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance";
const HOOKS: &str = include_str!("hooks.py");
/// A run that takes longer hangs.
const LIMIT: Duration = Duration::from_mins(20);

/// A request, and what it was answered.
#[derive(Debug)]
pub struct Exchange {
    /// In upper case.
    pub method: String,
    /// Without its query.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
}

/// Tests the whole API. Says what was asked, and whether every answer was as announced; what was not is printed.
pub async fn run(
    options: &Options,
    platform: &Platform,
    document: &Value,
    things: &Things,
) -> Result<(Vec<Exchange>, bool)> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("schemathesis.toml"), settings(things)?)?;
    std::fs::write(folder.path().join("hooks.py"), HOOKS)?;
    // From a file: where the document is served is not asked for when it was read from there.
    let served = folder.path().join("openapi.json");
    std::fs::write(&served, document.to_string())?;
    let requests = folder.path().join("requests.har");
    let mut command = tokio::process::Command::new(&options.schemathesis);
    command
        .current_dir(folder.path())
        .arg("run")
        .arg(&served)
        .args(["--url", &platform.edge_url])
        .args(["--checks", CHECKS])
        .args(["--max-examples", &options.examples.to_string()])
        .args(["--seed", &options.seed.to_string()])
        .args(["--generation-database", "none"])
        .args(["--request-timeout", "70", "--workers", "1"])
        .args(["--continue-on-failure", "--warnings", "off", "--no-color"])
        .arg("--header")
        .arg(format!("authorization: Bearer {}", things.token))
        .arg("--report-har-path")
        .arg(&requests)
        .env("SLUICEGATE_FIXTURES", fixtures::path(""))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let status = tokio::time::timeout(LIMIT, command.status())
        .await
        .context("schemathesis does not end")??;
    Ok((read(&requests)?, status.success()))
}

/// Parameters by the name of their operation, and the dictionary that some of their values are from.
const BINDINGS: [(&str, &[(&str, &str)]); 14] = [
    (
        "POST /v1/sessions",
        &[("body.handle", "handles"), ("body.password", "passwords")],
    ),
    (
        "POST /v1/sessions/refresh",
        &[("body.refresh_token", "refresh")],
    ),
    ("PUT /v1/me/avatar", &[("body.upload_id", "avatars")]),
    (
        "PUT /v1/me/profile-header",
        &[("body.upload_id", "profile_headers")],
    ),
    ("GET /v1/profiles/{handle}", &[("path.handle", "handles")]),
    (
        "GET /v1/profiles/{handle}/posts",
        &[("path.handle", "handles")],
    ),
    (
        "POST /v1/posts",
        &[("body.header_upload_id", "post_headers")],
    ),
    ("GET /v1/posts/{id}", &[("path.id", "posts")]),
    ("DELETE /v1/posts/{id}", &[("path.id", "posts")]),
    ("GET /v1/uploads/{id}", &[("path.id", "uploads")]),
    ("DELETE /v1/uploads/{id}", &[("path.id", "tickets")]),
    ("POST /v1/uploads/{id}/complete", &[("path.id", "uploads")]),
    ("GET /v1/uploads/{id}/events", &[("path.id", "uploads")]),
    ("GET /media/{key}", &[("path.key", "media")]),
];

/// Half of the names in requests are of things that exist.
fn settings(things: &Things) -> Result<String> {
    let mut text = "hooks = \"hooks.py\"\n".to_owned();
    let media: Vec<String> = things
        .uploads
        .iter()
        .map(|upload| format!("{upload}.webp"))
        .collect();
    let handles = [HANDLE.to_owned()];
    let passwords = [PASSWORD.to_owned()];
    let dictionaries = [
        ("handles", handles.as_slice()),
        ("uploads", &things.uploads),
        ("avatars", things.uploads.get(..1).unwrap_or_default()),
        (
            "profile_headers",
            things.uploads.get(1..2).unwrap_or_default(),
        ),
        ("post_headers", things.uploads.get(2..).unwrap_or_default()),
        ("passwords", &passwords),
        ("tickets", &things.tickets),
        ("posts", &things.posts),
        ("media", &media),
        ("refresh", &things.refresh_tokens),
    ];
    for (name, values) in dictionaries {
        writeln!(text, "[dictionaries.{name}]\nvalues = {values:?}")?;
    }
    for (name, bindings) in BINDINGS {
        let bindings: Vec<String> = bindings
            .iter()
            .map(|(parameter, dictionary)| {
                format!("{parameter:?} = {{ dictionary = {dictionary:?}, probability = 0.6 }}")
            })
            .collect();
        let bindings = bindings.join(", ");
        writeln!(
            text,
            "[[operations]]\ninclude-name = {name:?}\nparameters = {{ {bindings} }}"
        )?;
    }
    for (operation, token) in &things.apart {
        writeln!(
            text,
            "[[operations]]\ninclude-operation-id = {operation:?}\n\
             headers = {{ authorization = \"Bearer {token}\" }}"
        )?;
        if *operation == "delete_account" {
            writeln!(
                text,
                "parameters = {{ \"body.password\" = {{ dictionary = \"passwords\", probability = 0.6 }} }}"
            )?;
        }
    }
    Ok(text)
}

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    url: String,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
}

/// The archive of requests (HAR 1.2).
fn read(file: &Path) -> Result<Vec<Exchange>> {
    let text = std::fs::read(file).context("schemathesis left no archive")?;
    let har: Har = serde_json::from_slice(&text)?;
    let path = |url: &str| {
        let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
        let at = after_scheme.find('/').unwrap_or(after_scheme.len());
        let target = after_scheme.get(at..).unwrap_or_default();
        target
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let exchanges = har.log.entries.into_iter().map(|entry| Exchange {
        method: entry.request.method.to_uppercase(),
        path: path(&entry.request.url),
        status: entry.response.status,
    });
    Ok(exchanges.collect())
}
