//! What a run leaves behind: metrics that every query of the dashboard and the alerts finds, and logs without secrets.

#[path = "../../../origin/server/tests/it/seeing/promql.rs"]
mod promql;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};
use sluicegate_contract::uploads::{Ticket, Upload};
use sluicegate_tests::client::{Answer, Client};
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::metrics::Metrics;
use sluicegate_tests::platform::{EDGE_KEY, Options, Platform};
use sluicegate_tests::process::{KEPT_LINES, Program};
use sluicegate_tests::wait::wait_for;

use promql::Exposition;

const PASSWORD: &str = "correct horse battery";
const HOOK_KEY: &str = "a-key-of-the-hook-that-nobody-logs";
const WRONG: &str = "wrong-horse-battery-and-long-enough";
/// Everything, but not each step of a compiler that compiles components.
const LOUD: &str = "debug,cranelift_codegen=info,regalloc2=info,wasmtime_internal_cranelift=info";
/// A database may have to be made first, on a machine that is busy.
const LIMIT: std::time::Duration = std::time::Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_logged_however_much_is() {
    let detector = Detector::start().await.unwrap();
    let debug = |format| Options {
        log: Some((LOUD, format)),
        ..Options::default()
            .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
            .setting("MODERATION_IMAGE_ASYNC", "true")
            .setting("S3_PUBLIC_ENDPOINT", "same")
            // Nobody listens there, of which there is something to say.
            .setting("PURGE_HOOK_URL", "http://127.0.0.1:9/purge")
            .setting("PURGE_HOOK_KEY", HOOK_KEY)
    };
    let first = Platform::start(debug("json")).await.unwrap();
    let strict = debug("pretty").setting("MODERATION_IMAGE_GATE", "strict");
    let second = first.start_second(strict, &first.store_url).await;
    let second = second.unwrap();
    // An edge that cannot reach the store has more to say about what it tried.
    let mut apart = debug("pretty");
    apart.settings.extend(first.store_settings().unwrap());
    let apart = apart.setting("S3_EDGE_ENDPOINT", "http://127.0.0.1:9");
    let apart = first
        .start_second(apart, "http://127.0.0.1:9")
        .await
        .unwrap();

    let mut secrets = vec![
        PASSWORD.to_owned(),
        WRONG.to_owned(),
        EDGE_KEY.to_owned(),
        HOOK_KEY.to_owned(),
        "X-Amz-Signature".to_owned(),
    ];
    let keys = first.store_settings().unwrap().into_iter();
    secrets.extend(
        keys.filter(|(name, _)| name.contains("SECRET"))
            .map(|(_, key)| key),
    );
    for (platform, handle) in [(&first, "ada"), (&second, "ben"), (&apart, "eve")] {
        let client = platform.client().unwrap();
        let (person, session) = client.sign_up(handle).await.unwrap();
        secrets.extend([session.access_token, session.refresh_token.clone()]);
        secrets.extend(
            renew(&client, handle, &session.refresh_token)
                .await
                .unwrap(),
        );
        let photo = fixtures::read("photo.jpg").unwrap();
        let sent = person.upload("avatar", photo).await.unwrap();
        if handle == "eve" {
            assert_eq!(sent.status, 502, "the store cannot be reached");
            continue;
        }
        let upload: Upload = sent.expect(201).unwrap();
        person.wait_for_verdict(upload.id).await.unwrap();
        let path = format!("/media/{}", upload.key);
        person.get(&path).await.unwrap().expect_status(200).unwrap();
        secrets.extend(send_otherwise(&person, handle == "ben").await.unwrap());
        let unsafe_picture = fixtures::read("unsafe.png").unwrap();
        let removed = person.upload_ok("avatar", unsafe_picture).await.unwrap();
        person.wait_for_verdict(removed.id).await.unwrap();
        let password = json!({ "password": PASSWORD });
        let deleted = person.send(Method::DELETE, "/v1/me", &password).await;
        deleted.unwrap().expect_status(202).unwrap();
    }
    // The removed picture was purged, and the hook was asked with its key, to no avail.
    wait_for("a purge to fail", LIMIT, async || {
        let labels = [("queue", "media-purge"), ("outcome", "retry")];
        let name = "sluicegate_job_attempt_duration_seconds_count";
        let mut failed = 0.0;
        for platform in [&first, &second, &apart] {
            let metrics = Metrics::of(platform.origin.as_ref().context("it runs")?).await?;
            failed += metrics.sum(name, &labels);
        }
        Ok((failed > 0.0).then_some(()))
    })
    .await
    .unwrap();

    for platform in [&apart, &second, &first] {
        let lines = platform.output();
        assert!(lines.len() < KEPT_LINES, "not all that was logged was kept");
        assert!(
            lines.iter().any(|line| line.contains("DEBUG")),
            "nothing was logged"
        );
        for secret in &secrets {
            let small = secret.to_lowercase();
            let leak = lines
                .iter()
                .find(|line| line.to_lowercase().contains(&small));
            assert!(leak.is_none(), "{secret:?} in {leak:?}");
        }
    }
    for platform in [apart, second, first] {
        platform.stop().await.unwrap();
    }
}

/// A form, a file sent to the store itself, and where pictures are held back a preview. What was given out.
async fn send_otherwise(person: &Client, strict: bool) -> Result<Vec<String>> {
    let photo = fixtures::read("photo.png")?;
    let form = person
        .request(Method::POST, "/v1/uploads?purpose=profile_header")
        .header("content-type", "multipart/form-data; boundary=of-a-form")
        .body(fixtures::form("of-a-form", &photo));
    let sent: Upload = Answer::read(form.send().await?).await?.expect(201)?;
    let mut given = Vec::new();
    if strict {
        let url = sent.preview_url.context("a preview")?;
        let (_, token) = url.split_once("preview=").context("its token")?;
        given.push(token.to_owned());
        let preview = person.with_token(None).get(&url).await?;
        preview.expect_status(200)?;
    }
    let wanted = json!({"purpose": "post_header", "content_length": photo.len()});
    let ticket = person
        .send(Method::POST, "/v1/upload-tickets", &wanted)
        .await?;
    let ticket: Ticket = ticket.expect(201)?;
    let mut put = Client::new("")?.request(Method::PUT, &ticket.put.url);
    for (name, value) in &ticket.put.headers {
        // The HTTP client counts for itself.
        if name != "content-length" {
            put = put.header(name, value);
        }
    }
    let stored = Answer::read(put.body(photo).send().await?).await?;
    stored.expect_status(200)?;
    let complete = format!("/v1/uploads/{}/complete", ticket.id);
    let completed = person.call(Method::POST, &complete).await?;
    completed.expect_status(201)?;
    let (_, signature) = ticket
        .put
        .url
        .split_once("X-Amz-Signature=")
        .context("it is signed")?;
    let signature = signature.split('&').next().unwrap_or_default();
    given.push(signature.to_owned());
    Ok(given)
}

/// Refreshes, fails to log in, and comes with tokens that are none. What was given out.
async fn renew(client: &Client, handle: &str, refresh: &str) -> Result<Vec<String>> {
    let body = json!({ "refresh_token": refresh });
    let session = client
        .send(Method::POST, "/v1/sessions/refresh", &body)
        .await?;
    let session: Value = session.expect(200)?;
    let body = json!({ "refresh_token": WRONG });
    let refused = client
        .send(Method::POST, "/v1/sessions/refresh", &body)
        .await?;
    refused.expect_status(401)?;
    let body = json!({ "handle": handle, "password": WRONG });
    let refused = client.send(Method::POST, "/v1/sessions", &body).await?;
    refused.expect_status(401)?;
    let refused = client.with_token(Some(WRONG)).get("/v1/me").await?;
    refused.expect_status(401)?;
    let member = |name: &str| session[name].as_str().map(str::to_owned);
    let given = [member("access_token"), member("refresh_token")];
    given
        .into_iter()
        .map(|token| token.context("a token"))
        .collect()
}

#[tokio::test]
async fn every_query_asks_for_what_is_exported() {
    let detector = Detector::start().await.unwrap();
    let options = Options {
        // Each instance ends after one request, so that ends are counted.
        edge_arguments: vec!["--max-instance-reuse-count".to_owned(), "1".to_owned()],
        ..Options::default()
            .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
            .setting("MODERATION_IMAGE_ASYNC", "true")
    };
    let platform = Platform::start(options).await.unwrap();
    let person = platform.client().unwrap().sign_up("ada").await.unwrap().0;
    for fixture in ["photo.jpg", "truncated.jpg"] {
        let file = fixtures::read(fixture).unwrap();
        person.upload_ok("avatar", file).await.unwrap();
    }
    person.post("Hello.", None).await.unwrap();
    refused_head(&platform.edge_url).await.unwrap();
    let origin = platform.origin.as_ref().unwrap();
    let seen = wait_for("all to be counted", LIMIT, async || {
        let origin = scrape(origin).await?;
        let edge = scrape(&platform.edge).await?;
        let is_there = origin
            .value("sluicegate_verdicts_total", &[("stage", "image")])
            .is_some()
            && origin
                .value("sluicegate_picture_failures_total", &[])
                .is_some()
            && edge
                .value("sluicegate_edge_instances_ended_total", &[])
                .is_some()
            && edge.value("sluicegate_edge_refused_total", &[]).is_some();
        Ok(is_there.then_some((origin, edge)))
    })
    .await
    .unwrap();

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations");
    let read = |file| std::fs::read_to_string(folder.join(file)).unwrap();
    let dashboard: Value = serde_json::from_str(&read("grafana-dashboard.json")).unwrap();
    let mut queries = promql::queries_of(&dashboard);
    queries.extend(promql::expressions(&read("alerts.yaml")));
    assert!(queries.len() > 60, "{} queries", queries.len());
    let jobs = [
        ("sluicegate-origin", Some(&seen.0)),
        ("sluicegate-edge", Some(&seen.1)),
    ];
    for query in queries {
        assert_eq!(promql::check(&query, &jobs), Ok(()), "{query}");
    }
    for exposition in [&seen.0, &seen.1] {
        let buckets = exposition.values("http_server_request_duration_seconds_bucket", "le");
        assert_eq!(buckets, BTreeSet::from(promql::REQUEST_BUCKETS));
    }
    assert!(!seen.1.text.contains(person.token.as_deref().unwrap()));
    platform.stop().await.unwrap();
}

/// A request that is no HTTP.
async fn refused_head(edge_url: &str) -> Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let address = edge_url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(b"NONSENSE\r\n\r\n").await?;
    stream.read_to_end(&mut Vec::new()).await?;
    Ok(())
}

/// What a program exports, where it says that it does.
async fn scrape(program: &Program) -> Result<Exposition> {
    let mut lines = program.output().into_iter();
    let url = lines.find_map(|line| line.strip_prefix("metrics on ").map(str::to_owned));
    let url = url.context("it says where its metrics are")?;
    let answer = Client::new(url.trim_end_matches("/metrics"))?
        .get("/metrics")
        .await?;
    answer.expect_status(200)?;
    Ok(Exposition::read(answer.text()))
}
