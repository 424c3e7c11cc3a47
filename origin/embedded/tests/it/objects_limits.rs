//! What the S3 server bears: full disks, clients that stall, pages of other sites.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::objects::Server;

const SITE: &str = "https://page.example";

fn root(name: &str) -> PathBuf {
    PathBuf::from(format!("/tmp/sluicegate-ol-{}-{name}", std::process::id()))
}

async fn with_bucket(server: &Server) {
    let create = server.client.create_bucket().bucket("pictures");
    create.send().await.unwrap();
}

/// Sends bytes as they are, and reads what comes until the server hangs up.
async fn exchange(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// A presigned PUT of that many bytes: its target, and the headers that are signed.
async fn presigned(server: &Server, key: &str, length: i64) -> (String, String) {
    let config = PresigningConfig::expires_in(Duration::from_mins(1)).unwrap();
    let request = server
        .client
        .put_object()
        .bucket("pictures")
        .key(key)
        .content_length(length)
        .presigned(config)
        .await
        .unwrap();
    let target = request.uri().splitn(4, '/').nth(3).unwrap();
    let mut headers = String::new();
    for (name, value) in request.headers() {
        headers.push_str(&[name, ": ", value, "\r\n"].concat());
    }
    (format!("/{target}"), headers)
}

/// A file system of that size, gone with the value; `None` where none can be mounted.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(name: &str, size: &str) -> Option<Self> {
        let path = root(name);
        std::fs::create_dir(&path).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&path)
            .output()
            .is_ok_and(|output| output.status.success());
        if mounted {
            return Some(Self(path));
        }
        std::fs::remove_dir(&path).unwrap();
        println!("skipped: no file system can be mounted here");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

fn files(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root.join("pictures")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn a_full_disk_is_said_and_leaves_nothing() {
    let Some(disk) = SmallDisk::mount("full", "1m") else {
        return;
    };
    let server = Server::start_with(disk.0.join("objects"), |_| ()).await;
    with_bucket(&server).await;
    let put = async |key: &str, size: usize| {
        let put = server.client.put_object().bucket("pictures").key(key);
        put.body(ByteStream::from(vec![7; size])).send().await
    };
    put("small", 100_000).await.unwrap();
    let full = put("large", 3_000_000).await.unwrap_err();
    assert_eq!(full.raw_response().unwrap().status().as_u16(), 507);
    assert_eq!(
        full.as_service_error().unwrap().code(),
        Some("XMinioStorageFull")
    );
    assert_eq!(files(&server.root), ["small"], "half an object stayed");
    put("small", 100_000).await.unwrap();
    put("after", 200_000).await.unwrap();
    server.halt().await;
}

#[tokio::test]
async fn a_body_that_falls_silent_is_given_up() {
    let server = Server::start_with(root("silent"), |options| {
        options.limits.silence = Duration::from_millis(300);
    })
    .await;
    with_bucket(&server).await;
    let (target, headers) = presigned(&server, "half", 1_000).await;
    let request = format!(
        "PUT {target} HTTP/1.1\r\nhost: {}\r\n{headers}\r\nonly the beginning",
        server.address
    );
    let answer = exchange(&server, &request).await;
    assert!(answer.contains("RequestTimeout"), "{answer}");
    assert_eq!(files(&server.root), [""; 0]);
    server.stop().await;
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up() {
    let server = Server::start_with(root("taken"), |options| {
        options.limits.silence = Duration::from_secs(1);
        options.limits.connections = 1;
        // The SDK's own connection is closed when it is idle for so long.
        options.limits.head = Duration::from_millis(300);
    })
    .await;
    with_bucket(&server).await;
    let size = 32 * 1024 * 1024;
    let put = server.client.put_object().bucket("pictures").key("large");
    put.body(ByteStream::from(vec![7; size]))
        .send()
        .await
        .unwrap();
    let config = PresigningConfig::expires_in(Duration::from_mins(1)).unwrap();
    let get = server.client.get_object().bucket("pictures").key("large");
    let get = get.presigned(config).await.unwrap();
    let target = get.uri().splitn(4, '/').nth(3).unwrap().to_owned();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET /{target} HTTP/1.1\r\nhost: {}\r\n\r\n", server.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");

    // The next one is served although the first is neither read nor closed.
    let answer = exchange(
        &server,
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest).await.unwrap_or(0);
    assert!(read < size, "the whole object was sent");
    server.stop().await;
}

#[tokio::test]
async fn no_more_connections_are_served_than_may_be() {
    let server = Server::start_with(root("places"), |options| {
        options.limits.connections = 2;
        options.limits.head = Duration::from_millis(500);
    })
    .await;
    let first = TcpStream::connect(server.address).await.unwrap();
    let second = TcpStream::connect(server.address).await.unwrap();
    // Two that say nothing hold both places until their heads are overdue; then the third is answered.
    let answer = exchange(
        &server,
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    for mut idle in [first, second] {
        let mut rest = Vec::new();
        idle.read_to_end(&mut rest).await.unwrap();
    }
    server.stop().await;
}

#[tokio::test]
async fn pages_of_named_sites_may_send_objects_and_nothing_else() {
    let server = Server::start_with(root("cors"), |options| {
        options.cors_origins = vec![SITE.to_owned()];
    })
    .await;
    with_bucket(&server).await;
    let preflight = async |origin: &str, method: &str, headers: &str| {
        let request = format!(
            "OPTIONS /pictures/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\norigin: {origin}\r\n\
             access-control-request-method: {method}\r\naccess-control-request-headers: {headers}\r\n\r\n"
        );
        exchange(&server, &request).await
    };
    let names = "content-type,if-none-match,x-amz-checksum-sha256";
    let allowed = preflight(SITE, "PUT", names).await;
    assert!(allowed.starts_with("HTTP/1.1 204"), "{allowed}");
    let origin = format!("access-control-allow-origin: {SITE}");
    assert!(allowed.contains(&origin), "{allowed}");
    for (origin, method, headers) in [
        ("https://elsewhere.example", "PUT", names),
        (SITE, "DELETE", names),
        (SITE, "PUT", "authorization"),
        ("null", "PUT", names),
    ] {
        let refused = preflight(origin, method, headers).await;
        assert!(
            refused.starts_with("HTTP/1.1 403"),
            "{origin} {method} {headers}"
        );
        assert!(!refused.contains("access-control-allow"), "{refused}");
    }

    let put = async |key: &str, site: &str| {
        let (target, headers) = presigned(&server, key, 2).await;
        let request = format!(
            "PUT {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\norigin: {site}\r\n{headers}\r\nok",
            server.address
        );
        exchange(&server, &request).await
    };
    let stored = put("a", SITE).await;
    assert!(
        stored.starts_with("HTTP/1.1 200") && stored.contains(&origin),
        "{stored}"
    );
    let unseen = put("b", "https://elsewhere.example").await;
    assert!(!unseen.contains("access-control-allow"), "{unseen}");
    // A refusal can be read by the page, too.
    let refused = format!(
        "PUT /pictures/c HTTP/1.1\r\nhost: x\r\nconnection: close\r\norigin: {SITE}\r\ncontent-length: 0\r\n\r\n"
    );
    let refused = exchange(&server, &refused).await;
    assert!(
        refused.starts_with("HTTP/1.1 403") && refused.contains(&origin),
        "{refused}"
    );
    assert!(files(&server.root).contains(&"a".to_owned()));
    server.stop().await;
}
