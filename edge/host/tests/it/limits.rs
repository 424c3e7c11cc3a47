//! More than the host takes at once, and its orderly end.

use std::fmt::Write;
use std::net::TcpStream;
use std::time::Duration;

use http::Request;
use sluicegate_edge::{Error, Limits};

use crate::support::{Raw, Running, eventually, manifest};

#[tokio::test]
async fn requests_beyond_the_limit_are_told_to_come_back() {
    let limits = Limits {
        requests: 1,
        ..Limits::default()
    };
    let host = Running::start("requests", "", limits).await;
    let mut first = Raw::open(host.address).await;
    first.begin("/count", 5).await;
    eventually(async || host.get("/hello").await.status == 503).await;
    let refused = host.get("/hello").await;
    assert_eq!(refused.problem(), "unavailable");
    assert_eq!(refused.headers["retry-after"], "1");
    first.write("12345").await;
    first.read_until("\r\n5\r\n").await;
    eventually(async || host.get("/hello").await.status == 200).await;
}

#[tokio::test]
async fn the_reserved_path_is_answered_when_all_places_are_taken() {
    let limits = Limits {
        requests: 1,
        reserved_path: "/hello".to_owned(),
        ..Limits::default()
    };
    let host = Running::start("reserved", "", limits).await;
    let mut first = Raw::open(host.address).await;
    first.begin("/count", 5).await;
    eventually(async || host.get("/uses").await.status == 503).await;
    assert_eq!(host.get("/hello").await.status, 200);
    assert_eq!(host.post("/hello", "body").await.status, 503);
}

#[tokio::test]
async fn an_upload_that_is_refused_unread_still_sees_why() {
    let limits = Limits {
        uploads: 0,
        upload_path: "/count".to_owned(),
        ..Limits::default()
    };
    let host = Running::start("uploads", "", limits).await;
    let mut client = Raw::open(host.address).await;
    client.begin("/count", 8 << 20).await;
    client.write(vec![0; 8 << 20]).await;
    let seen = client.read_until("}").await;
    assert!(seen.starts_with("HTTP/1.1 503"), "{seen}");
    assert!(seen.contains("retry-after: 5"), "{seen}");
    assert_eq!(host.get("/hello").await.status, 200);
}

#[tokio::test]
async fn one_client_cannot_hold_all_places_for_uploads() {
    let limits = Limits {
        upload_share: 2,
        upload_path: "/count".to_owned(),
        ..Limits::default()
    };
    let host = Running::start("share", "", limits).await;
    let upload = |token: &str| {
        let request = Request::post(host.url("/count")).header("authorization", token);
        host.send(request, "12345".into())
    };
    let mut uploads = Vec::new();
    for _ in 0..2 {
        let mut holding = Raw::open(host.address).await;
        let head = "POST /count HTTP/1.1\r\nhost: edge\r\nauthorization: Bearer a\r\n\
                    content-length: 5\r\n\r\n";
        holding.write(head).await;
        uploads.push(holding);
    }
    host.until_counted("sluicegate_edge_active_uploads 2").await;
    let refused = upload("Bearer a").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.problem(), "too-many-requests");
    assert_eq!(refused.headers["retry-after"], "5");
    assert!(host.counted("sluicegate_edge_refused_total{reason=\"share_full\"} 1"));
    assert_eq!(upload("Bearer b").await.text(), "5");

    uploads.pop().unwrap().write("12345").await;
    eventually(async || upload("Bearer a").await.status == 200).await;
}

#[tokio::test]
async fn whoever_is_refused_holds_no_place_for_uploads() {
    let limits = Limits {
        uploads: 2,
        upload_path: "/refuse".to_owned(),
        ..Limits::default()
    };
    let host = Running::start("refused", "", limits).await;
    let mut strangers = Vec::new();
    for stranger in 0..6 {
        let mut refused = Raw::open(host.address).await;
        let head = format!(
            "POST /refuse HTTP/1.1\r\nhost: edge\r\nauthorization: Bearer {stranger}\r\n\
             content-length: 1000000\r\n\r\nbit"
        );
        refused.write(head).await;
        let seen = refused.read_until("refused").await;
        assert!(seen.starts_with("HTTP/1.1 401"), "{seen}");
        // Still connected, and its body still read.
        strangers.push(refused);
    }
    host.until_counted("sluicegate_edge_active_uploads 0").await;
}

#[tokio::test]
async fn one_address_cannot_hold_all_places() {
    let limits = Limits {
        requests: 3,
        request_share: 2,
        reserved_path: "/hello".to_owned(),
        ..Limits::default()
    };
    let host = Running::start("addresses", "", limits).await;
    let mut holding = Vec::new();
    for _ in 0..2 {
        let mut connection = Raw::open(host.address).await;
        connection.begin("/count", 5).await;
        holding.push(connection);
    }
    eventually(async || host.get("/uses").await.status == 429).await;
    let refused = host.get("/uses").await;
    assert_eq!(refused.problem(), "too-many-requests");
    assert_eq!(refused.headers["retry-after"], "5");
    assert_eq!(host.get("/hello").await.status, 200);

    let mut other = Raw::open_from("127.0.0.2", host.address).await;
    other
        .write("GET /uses HTTP/1.1\r\nhost: edge\r\n\r\n")
        .await;
    let seen = other.read_until("\r\n\r\n").await;
    assert!(seen.starts_with("HTTP/1.1 200"), "{seen}");
    holding.pop().unwrap().write("12345").await;
    eventually(async || host.get("/uses").await.status == 200).await;
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let host = Running::start("connections", "", limits).await;
    let hello = "GET /hello HTTP/1.1\r\nhost: edge\r\n\r\n";
    let mut first = Raw::open(host.address).await;
    first.write(hello).await;
    first.read_until("hello\r\n0\r\n\r\n").await;
    let mut second = Raw::open(host.address).await;
    second.write(hello).await;
    for _ in 0..100 {
        first.write(hello).await;
        first.read_until("hello\r\n0\r\n\r\n").await;
    }
    assert!(host.counted("sluicegate_edge_connections 1"));
    let mut nothing = [0; 1];
    assert!(second.0.try_read(&mut nothing).is_err(), "it was served");
    drop(first);
    second.read_until("hello\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn silent_connections_of_one_address_keep_nobody_else_out() {
    let limits = Limits {
        connections: 64,
        connection_share: 32,
        ..Limits::default()
    };
    let host = Running::start("connection-share", "", limits).await;
    let mut slow = Vec::new();
    for _ in 0..32 {
        let mut connection = Raw::open(host.address).await;
        connection.write("GET /hello HTTP/1.1\r\nx-slow: ").await;
        slow.push(connection);
    }
    host.until_counted("sluicegate_edge_connections 32").await;
    // As many again as there is room for: none of them holds any.
    for _ in 0..64 {
        let mut more = Raw::open(host.address).await;
        let seen = more.read_until("}").await;
        assert!(seen.starts_with("HTTP/1.1 429"), "{seen}");
        assert!(seen.contains("/problems/too-many-requests"), "{seen}");
        assert!(seen.contains("retry-after: 5"), "{seen}");
    }
    assert!(host.counted("sluicegate_edge_refused_total{reason=\"connection_share_full\"} 64"));

    let hello = "GET /hello HTTP/1.1\r\nhost: edge\r\n\r\n";
    let mut good = Raw::open_from("127.0.0.2", host.address).await;
    for _ in 0..10 {
        good.write(hello).await;
        good.read_until("hello\r\n0\r\n\r\n").await;
    }
    slow.pop();
    eventually(async || {
        let mut again = Raw::open(host.address).await;
        again.write(hello).await;
        again
            .read_until("\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 200")
    })
    .await;
}

#[tokio::test]
async fn a_proxys_connections_are_its_clients() {
    let limits = Limits {
        connection_share: 1,
        ..Limits::default()
    };
    let host = Running::start_behind("connection-proxy", limits, "127.0.0.3/32").await;
    let hello = "GET /hello HTTP/1.1\r\nhost: edge\r\n\r\n";
    let mut connections = Vec::new();
    for _ in 0..3 {
        let mut connection = Raw::open_from("127.0.0.3", host.address).await;
        connection.write(hello).await;
        connection.read_until("hello\r\n0\r\n\r\n").await;
        connections.push(connection);
    }
    let _first = Raw::open(host.address).await;
    let mut second = Raw::open(host.address).await;
    let seen = second.read_until("}").await;
    assert!(seen.starts_with("HTTP/1.1 429"), "{seen}");
}

#[tokio::test]
async fn more_instances_than_there_is_room_for_are_refused() {
    // An instance that waits for its next request has its place until it is ended; each component has its own.
    const COMPONENTS: usize = 40;
    let limits = Limits {
        requests: 1,
        instance_idle: Duration::from_secs(10),
        ..Limits::default()
    };
    let manifest = std::fs::read_to_string(manifest("instances", "")).unwrap();
    let source = manifest.lines().find(|line| line.starts_with("source"));
    let source = source.unwrap();
    let mut others = String::new();
    for n in 0..COMPONENTS {
        write!(
            others,
            "[[trigger.http]]\nroute = \"/{n}/...\"\ncomponent = \"c{n}\"\n[component.c{n}]\n{source}\n"
        )
        .unwrap();
    }
    let host = Running::start("instances", &others, limits).await;
    let mut refused = None;
    for n in 0..COMPONENTS {
        let answer = host.get(&format!("/{n}/")).await;
        if answer.status == 503 {
            refused = Some((n, answer));
            break;
        }
        assert_eq!(answer.text(), "no such behaviour");
    }
    let (n, answer) = refused.expect("all found room");
    assert_eq!(answer.problem(), "unavailable");
    assert_eq!(answer.headers["retry-after"], "1");
    assert!(host.counted("sluicegate_edge_refused_total{reason=\"instances_full\"} 1"));
    eventually(async || host.get(&format!("/{n}/")).await.status == 404).await;
}

#[tokio::test]
async fn what_runs_is_finished_and_nothing_new_is_taken() {
    let mut host = Running::start("drain", "", Limits::default()).await;
    let mut running = Raw::open(host.address).await;
    running.begin("/echo", 10).await;
    running.write("begun").await;
    running.read_until("begun").await;
    host.shut_down();
    let address = host.address;
    eventually(async || TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err())
        .await;
    running.write("ended").await;
    running.read_until("ended\r\n0\r\n\r\n").await;
    host.ended().await.unwrap();
}

#[tokio::test]
async fn the_drain_is_bounded() {
    let limits = Limits {
        drain: Duration::from_millis(100),
        ..Limits::default()
    };
    let mut host = Running::start("drain-bounded", "", limits).await;
    let mut running = Raw::open(host.address).await;
    running.begin("/echo", 10).await;
    running.write("begun").await;
    running.read_until("begun").await;
    host.shut_down();
    let ended = host.ended().await;
    assert!(matches!(ended, Err(Error::CutOff(1))), "{ended:?}");
}
