//! Heads that cannot be taken: each ends in a problem, a closed connection and a line of the access log.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

use serde_json::Value;
use tokio::io::AsyncReadExt;

use crate::program::{Program, accesses};
use crate::support::{Raw, in_time, manifest};

/// What is sent, and the status, type, method and path that come of it.
struct Case {
    sent: String,
    status: u16,
    slug: &'static str,
    logged: (&'static str, &'static str),
}

fn case(
    sent: String,
    status: u16,
    slug: &'static str,
    logged: (&'static str, &'static str),
) -> Case {
    Case {
        sent,
        status,
        slug,
        logged,
    }
}

fn cases() -> Vec<Case> {
    let bad = |sent: &str| case(sent.to_owned(), 400, "invalid-request", ("-", "-"));
    let get = |fields: &str| format!("GET /hello?a=secret HTTP/1.1\r\nhost: edge\r\n{fields}\r\n");
    let hello = ("GET", "/hello");
    let fields = "x: y\r\n".repeat(150);
    let large = format!("x: {}\r\n", "x".repeat(40_000));
    let flood = "x: y\r\n".repeat(2_000_000 / 6);
    let path = format!("/{}", "x".repeat(40_000));
    vec![
        bad("this is no HTTP\r\n\r\n"),
        bad("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\r\n\r\n"),
        bad("GET /hello HTTP/3.7\r\nhost: edge\r\n\r\n"),
        bad("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        bad("GET /hello HTTP/1.1\r\nno field\r\n\r\n"),
        bad("POST /count HTTP/1.1\r\nhost: edge\r\ncontent-length: five\r\n\r\nfive5"),
        bad(
            "POST /count HTTP/1.1\r\nhost: edge\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nfive5",
        ),
        bad("POST /count HTTP/1.1\r\nhost: edge\r\ntransfer-encoding: wrapped\r\n\r\nfive5"),
        case(get(&large), 431, "headers-too-large", hello),
        case(get(&fields), 431, "headers-too-large", hello),
        case(get(&flood), 431, "headers-too-large", hello),
        case(
            format!("GET {path} HTTP/1.1\r\nhost: edge\r\n\r\n"),
            414,
            "uri-too-long",
            ("GET", ""),
        ),
        case(
            "GET /hello HTTP/1.1\r\nhost: ".to_owned(),
            408,
            "request-timeout",
            hello,
        ),
        case(
            "GET /hello HTTP/1.1\r\n\r\n".to_owned(),
            400,
            "invalid-request",
            hello,
        ),
    ]
}

/// Everything that comes until the connection is closed.
async fn exchange(host: &Program, sent: &str) -> String {
    let mut client = Raw::open(host.address).await;
    client.write(sent).await;
    let mut seen = Vec::new();
    in_time(client.0.read_to_end(&mut seen)).await.unwrap();
    String::from_utf8(seen).unwrap()
}

fn problem(seen: &str) -> (u16, Value) {
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    for field in [
        "content-type: application/problem+json".to_owned(),
        "connection: close".to_owned(),
        "cache-control: no-store".to_owned(),
        format!("content-length: {}", body.len()),
    ] {
        assert!(head.lines().any(|line| line == field), "{field}: {seen}");
    }
    let problem: Value = serde_json::from_str(body).unwrap();
    let id = problem["instance"].as_str().unwrap();
    assert!(head.contains(&format!("x-request-id: {id}")), "{seen}");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), problem)
}

#[tokio::test]
async fn every_head_that_is_refused_is_a_problem_and_is_logged() {
    let app = manifest("refused-heads", "");
    let arguments = ["--header-timeout", "1"];
    let host = Program::start(&app, &arguments, &[("SPIN_VARIABLE_TOKEN", "x")]).await;
    let mut expected = Vec::new();
    for case in cases() {
        let start: String = case.sent.chars().take(60).collect();
        // The last of them answers a request that hyper could read, so the connection may go on.
        let sent = case
            .sent
            .replace("HTTP/1.1\r\n\r\n", "HTTP/1.1\r\nconnection: close\r\n\r\n");
        let (status, problem) = problem(&exchange(&host, &sent).await);
        assert_eq!(
            (status, &problem["status"]),
            (case.status, &case.status.into()),
            "{start}"
        );
        assert_eq!(
            problem["type"],
            format!("/problems/{}", case.slug),
            "{start}"
        );
        expected.push((case, problem));
    }
    host.terminate();
    let (status, log) = host.ended().await;
    assert_eq!(status.code(), Some(0));
    assert!(!log.contains("secret"), "the query is in the log");
    let lines = accesses(&log);
    assert_eq!(lines.len(), expected.len());
    for (case, problem) in expected {
        let line = lines
            .iter()
            .find(|line| line["request_id"] == problem["instance"])
            .unwrap();
        assert_eq!(line["status"], case.status);
        assert_eq!(line["method"], case.logged.0);
        assert!(
            line["path"].as_str().unwrap().starts_with(case.logged.1),
            "{line}"
        );
        assert_eq!(line["complete"], true, "{line}");
    }
}

#[tokio::test]
async fn whoever_says_nothing_is_left_without_a_word_or_a_line() {
    let app = manifest("silent", "");
    let arguments = ["--header-timeout", "1"];
    let host = Program::start(&app, &arguments, &[("SPIN_VARIABLE_TOKEN", "x")]).await;
    assert_eq!(exchange(&host, "").await, "");
    host.terminate();
    let (_, log) = host.ended().await;
    assert_eq!(accesses(&log).len(), 0);
}

#[tokio::test]
async fn a_bad_head_behind_a_good_request_takes_no_answer_away() {
    let app = manifest("pipelined", "");
    let host = Program::start(&app, &[], &[("SPIN_VARIABLE_TOKEN", "x")]).await;
    let good = "POST /count HTTP/1.1\r\nhost: edge\r\ncontent-length: 3\r\n\r\nabc";
    let seen = exchange(&host, &format!("{good}{good}no HTTP\r\n\r\n")).await;
    let (first, rest) = seen.split_once("\r\n0\r\n\r\n").unwrap();
    let (second, last) = rest.split_once("\r\n0\r\n\r\n").unwrap();
    for answer in [first, second] {
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{seen}");
    }
    assert_eq!(problem(last).0, 400);
    host.terminate();
    let (_, log) = host.ended().await;
    let statuses: Vec<_> = accesses(&log)
        .iter()
        .map(|line| line["status"].clone())
        .collect();
    assert_eq!(statuses, [200, 200, 400]);
}
