//! What a component sees of a request, and a client of the answer.

use bytes::Bytes;
use http::Request;
use sluicegate_edge::Limits;

use crate::support::{Raw, Running};

const VARIABLES: &str = "variables = { bearer = \"Bearer {{ token }}\", quiet = \"{{ level }}\" }";

#[tokio::test]
async fn answers() {
    let host = Running::start("answers", "", Limits::default()).await;
    let answer = host.get("/hello?a=b").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text(), "hello");
}

#[tokio::test]
async fn a_component_reads_its_own_variables_and_no_others() {
    let host = Running::start("variables", VARIABLES, Limits::default()).await;
    assert_eq!(host.get("/var/bearer").await.text(), "Bearer hush-hush");
    assert_eq!(host.get("/var/quiet").await.text(), "low");
    let denied = host.get("/var/token").await;
    assert_eq!(denied.status, 404);
    assert!(denied.text().contains("Undefined"), "{denied:?}");
    let denied = host.get("/var/Token").await;
    assert!(denied.text().contains("InvalidName"), "{denied:?}");
}

#[tokio::test]
async fn the_hosts_headers_cannot_be_forged() {
    let host = Running::start("forged", "", Limits::default()).await;
    let request = Request::get(host.url("/headers"))
        .header("spin-client-addr", "9.9.9.9:9")
        .header("Spin-Full-Url", "http://evil")
        .header("x-kept", "yes");
    let seen = host.send(request, Bytes::new()).await;
    assert!(seen.text().contains("x-kept: yes"));
    assert!(seen.text().contains("spin-client-addr: 127.0.0.1:"));
    assert!(!seen.text().contains("9.9.9.9"));
    assert!(!seen.text().contains("evil"));
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let host = Running::start("keep-alive", "", Limits::default()).await;
    let mut connection = Raw::open(host.address).await;
    for _ in 0..3 {
        connection
            .write("GET /hello HTTP/1.1\r\nhost: edge\r\n\r\n")
            .await;
        connection.read_until("hello\r\n0\r\n\r\n").await;
    }
}

#[tokio::test]
async fn instances_are_used_again_and_replaced_in_time() {
    let limits = Limits {
        instance_uses: 2,
        ..Limits::default()
    };
    let host = Running::start("reuse", "", limits).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(host.get("/uses").await.text().to_owned());
    }
    assert_eq!(seen, ["1", "2", "1", "2"]);
}

#[tokio::test]
async fn a_request_is_called_the_same_everywhere() {
    let host = Running::start("request-id", "", Limits::default()).await;
    let named = |path| Request::get(host.url(path)).header("x-request-id", "my-id_1");
    let seen = host.send(named("/headers"), Bytes::new()).await;
    assert!(seen.text().contains("x-request-id: my-id_1"), "{seen:?}");
    assert_eq!(seen.headers["x-request-id"], "my-id_1");
    let failed = host.send(named("/trap"), Bytes::new()).await;
    assert_eq!(failed.problem(), "bad-gateway");
    assert_eq!(failed.headers["x-request-id"], "my-id_1");

    let request = Request::get(host.url("/headers")).header("x-request-id", "not {usable}");
    let seen = host.send(request, Bytes::new()).await;
    let id = seen.headers["x-request-id"].to_str().unwrap();
    assert!(!id.contains('{'));
    assert!(seen.text().contains(&format!("x-request-id: {id}")));
}
