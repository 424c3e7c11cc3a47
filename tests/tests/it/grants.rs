//! How often edges ask the origin for leave to show a picture, counted between them.

use std::time::Duration;

use reqwest::Method;
use sluicegate_tests::answers::Answers;
use sluicegate_tests::client::{Answer, Client};
use sluicegate_tests::edge::{self, EdgePlace};
use sluicegate_tests::fixtures;
use sluicegate_tests::metrics::Metrics;
use sluicegate_tests::platform::{Platform, STOP_LIMIT};
use sluicegate_tests::process::Program;
use sluicegate_tests::wait::wait_for;
use tokio::task::JoinSet;

use crate::shared;

/// A fresh edge whose questions are counted, and a picture.
async fn edge(platform: &Platform, handle: &str) -> (Answers, Program, Client, String) {
    let owner = shared::somebody(platform, handle).await.unwrap();
    let photo = fixtures::read("photo.png").unwrap();
    let upload = owner.upload_ok("avatar", photo).await.unwrap();
    let url = owner.wait_until_ready(upload.id).await.unwrap().url;
    let line = Answers::start(&platform.origin_url).await.unwrap();
    let place = EdgePlace {
        origin_url: &line.url,
        store_url: &platform.store_url,
        listen: "127.0.0.1:0",
    };
    let started = edge::start_edge(platform.data(), &shared::options(), &place).await;
    let (edge, edge_url) = started.unwrap();
    (line, edge, Client::new(&edge_url).unwrap(), url)
}

async fn gateways(edge: &Program) -> usize {
    let metrics = Metrics::of(edge).await.unwrap();
    let gateway = [("component", "gateway")];
    whole(metrics.sum("sluicegate_edge_instances_created_total", &gateway))
}

/// Counts come as floating numbers.
fn whole(count: f64) -> usize {
    format!("{:.0}", count.abs()).parse().unwrap()
}

const LIMIT: Duration = Duration::from_mins(1);
const QUESTION: &str = "GET /edge/v1/media/";

#[tokio::test]
async fn who_comes_a_moment_later_needs_no_question() {
    let platform = shared::platform().await.unwrap();
    let (line, edge, client, url) = edge(&platform, "grants_later").await;
    let first = client.get(&url).await.unwrap();
    first.expect_status(200).unwrap();
    assert_eq!(line.asked(QUESTION), 1);
    let later = [
        (Method::GET, "accept", "image/*", 200),
        (Method::HEAD, "accept", "image/*", 200),
        (Method::GET, "range", "bytes=0-9", 206),
        (Method::GET, "if-none-match", first.header("etag"), 304),
    ];
    // The host begins another instance when the one that there is has not come to its end of an answer yet.
    let mut requests = 1;
    let instances = wait_for("more requests than instances", LIMIT, async || {
        for (method, header, value, status) in later.clone() {
            let request = client.request(method, &url).header(header, value);
            let answer = Answer::read(request.send().await?).await?;
            answer.expect_status(status)?;
            requests += 1;
        }
        let instances = gateways(&edge).await;
        Ok((instances < requests).then_some(instances))
    })
    .await
    .unwrap();
    let asked = line.asked(QUESTION);
    assert!(
        asked <= instances,
        "{instances} instances asked {asked} times"
    );
    edge.stop(STOP_LIMIT).await.unwrap();
}

#[tokio::test]
async fn who_comes_at_the_same_time_waits_for_one_answer() {
    // Fewer than one instance serves at once.
    const AT_ONCE: usize = 12;
    let platform = shared::platform().await.unwrap();
    let (line, edge, client, url) = edge(&platform, "grants_at_once").await;
    client.get("/healthz").await.unwrap();
    let mut asking = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, url) = (client.clone(), url.clone());
        asking.spawn(async move { client.get(&url).await.unwrap() });
    }
    for answer in asking.join_all().await {
        answer.expect_status(200).unwrap();
    }
    let (asked, instances) = (line.asked(QUESTION), gateways(&edge).await);
    assert!(instances < AT_ONCE, "{instances} instances show nothing");
    assert!(
        (1..=instances).contains(&asked),
        "{instances} instances asked {asked} times"
    );
    edge.stop(STOP_LIMIT).await.unwrap();
}
