//! What a run leaves behind: metrics that every query of the dashboard and the alerts finds, and logs without secrets.

#[path = "../../../origin/server/tests/it/seeing/promql.rs"]
mod promql;

use std::path::Path;

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};
use sluicegate_tests::client::Client;
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{EDGE_KEY, Options, Platform};
use sluicegate_tests::process::{KEPT_LINES, Program};
use sluicegate_tests::wait::wait_for;

use promql::Exposition;

const PASSWORD: &str = "correct horse battery";
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
    };
    let first = Platform::start(debug("json")).await.unwrap();
    let second = first.start_second(debug("pretty"), &first.store_url).await;
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
        let upload: sluicegate_contract::uploads::Upload = sent.expect(201).unwrap();
        person.wait_for_verdict(upload.id).await.unwrap();
        let path = format!("/media/{}", upload.key);
        person.get(&path).await.unwrap().expect_status(200).unwrap();
    }

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
