//! What the adapter of the origin does not use of the S3 server; the rest is in the suite of the port.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials as Keys, Region};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, Delete, ObjectIdentifier};
use sluicegate_embedded::objects::{Credentials, ServerOptions, serve};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub(crate) struct Server {
    pub(crate) root: PathBuf,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) client: Client,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// A server with the bucket `pictures`.
    async fn start(name: &str) -> Self {
        let root = PathBuf::from(format!("/tmp/sluicegate-ob-{}-{name}", std::process::id()));
        let server = Self::start_on(root).await;
        server
            .client
            .create_bucket()
            .bucket("pictures")
            .send()
            .await
            .unwrap();
        server
    }

    async fn start_on(root: PathBuf) -> Self {
        Self::start_with(root, |_| ()).await
    }

    pub(crate) async fn start_with(root: PathBuf, set: impl FnOnce(&mut ServerOptions)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let endpoint = format!("http://{address}");
        let mut options = ServerOptions::new(Credentials {
            access_key: "me".to_owned(),
            secret_key: "secret".to_owned(),
        });
        set(&mut options);
        let (stop, stopped) = oneshot::channel();
        let folder = root.clone();
        let task = tokio::spawn(async move {
            let shutdown = async { stopped.await.unwrap_or_default() };
            serve(listener, &folder, &options, shutdown).await.unwrap();
        });
        // The SDK's own defaults: checksums with every request.
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(endpoint)
            .force_path_style(true)
            .credentials_provider(Keys::new("me", "secret", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Self {
            root,
            address,
            client: Client::from_conf(config),
            stop,
            task,
        }
    }

    async fn put(&self, key: &str, content: &str) {
        let body = ByteStream::from(content.as_bytes().to_vec());
        let put = self
            .client
            .put_object()
            .bucket("pictures")
            .key(key)
            .body(body);
        put.content_type("text/plain")
            .metadata("who", "me")
            .send()
            .await
            .unwrap();
    }

    async fn get(&self, key: &str) -> String {
        let got = self
            .client
            .get_object()
            .bucket("pictures")
            .key(key)
            .send()
            .await
            .unwrap();
        let content = got.body.collect().await.unwrap();
        String::from_utf8(content.to_vec()).unwrap()
    }

    pub(crate) async fn halt(self) -> PathBuf {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
        self.root
    }

    pub(crate) async fn stop(self) {
        std::fs::remove_dir_all(self.halt().await).unwrap();
    }
}

#[tokio::test]
async fn lists_in_order_by_prefix_and_page() {
    let server = Server::start("list").await;
    for key in ["b/2", "a", "b/1", "b/c/1", "c", "ü/é"] {
        server.put(key, "x").await;
    }
    let list = server.client.list_objects_v2().bucket("pictures");
    let all = list.clone().send().await.unwrap();
    let keys: Vec<&str> = all
        .contents()
        .iter()
        .map(|object| object.key().unwrap())
        .collect();
    assert_eq!(keys, ["a", "b/1", "b/2", "b/c/1", "c", "ü/é"]);
    assert!(all.contents().iter().all(|object| object.size() == Some(1)));

    let folders = list.clone().delimiter("/").send().await.unwrap();
    let prefixes: Vec<&str> = folders
        .common_prefixes()
        .iter()
        .map(|of| of.prefix().unwrap())
        .collect();
    assert_eq!(prefixes, ["b/", "ü/"]);
    let keys: Vec<&str> = folders
        .contents()
        .iter()
        .map(|object| object.key().unwrap())
        .collect();
    assert_eq!(keys, ["a", "c"]);

    let mut seen = Vec::new();
    let mut token = None;
    loop {
        let page = list
            .clone()
            .prefix("b/")
            .max_keys(1)
            .set_continuation_token(token.take());
        let page = page.send().await.unwrap();
        assert!(page.contents().len() <= 1);
        seen.extend(
            page.contents()
                .iter()
                .map(|object| object.key().unwrap().to_owned()),
        );
        if page.is_truncated() != Some(true) {
            break;
        }
        token = page.next_continuation_token().map(str::to_owned);
    }
    assert_eq!(seen, ["b/1", "b/2", "b/c/1"]);
    let after = list.start_after("b/2").send().await.unwrap();
    assert_eq!(after.contents().first().unwrap().key(), Some("b/c/1"));
    server.stop().await;
}

#[tokio::test]
async fn keeps_and_copies_attributes() {
    let server = Server::start("copy").await;
    server.put("source", "content").await;
    let copy = server
        .client
        .copy_object()
        .bucket("pictures")
        .copy_source("pictures/source");
    copy.clone().key("target").send().await.unwrap();
    assert_eq!(server.get("target").await, "content");
    let head = server
        .client
        .head_object()
        .bucket("pictures")
        .key("target")
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_type(), Some("text/plain"));
    assert_eq!(
        head.metadata().unwrap().get("who").map(String::as_str),
        Some("me")
    );
    let other = copy
        .clone()
        .key("other")
        .copy_source_if_match("\"no\"")
        .send()
        .await;
    assert_eq!(other.unwrap_err().code(), Some("PreconditionFailed"));
    server.stop().await;
}

#[tokio::test]
async fn deletes_many_at_once() {
    let server = Server::start("delete").await;
    server.put("one", "1").await;
    server.put("two", "2").await;
    let names = ["one", "two", "never"];
    let objects = names.map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = Delete::builder()
        .set_objects(Some(objects.to_vec()))
        .build()
        .unwrap();
    let deleted = server
        .client
        .delete_objects()
        .bucket("pictures")
        .delete(delete)
        .send()
        .await;
    assert_eq!(deleted.unwrap().deleted().len(), 3);
    let left = server
        .client
        .list_objects_v2()
        .bucket("pictures")
        .send()
        .await
        .unwrap();
    assert!(left.contents().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn verifies_every_checksum_and_keeps_the_old_object() {
    let server = Server::start("checksums").await;
    server.put("a", "old").await;
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ] {
        let put = server.client.put_object().bucket("pictures").key("b");
        let body = ByteStream::from_static(b"content");
        put.checksum_algorithm(algorithm)
            .body(body)
            .send()
            .await
            .unwrap();
    }
    let put = || {
        let put = server.client.put_object().bucket("pictures").key("a");
        put.body(ByteStream::from_static(b"new"))
    };
    let wrong = put().checksum_crc32("AAAAAA==").send().await.unwrap_err();
    assert_eq!(wrong.code(), Some("BadDigest"));
    let wrong = put()
        .content_md5("AAAAAAAAAAAAAAAAAAAAAA==")
        .send()
        .await
        .unwrap_err();
    assert_eq!(wrong.code(), Some("BadDigest"));
    assert_eq!(server.get("a").await, "old");
    server.stop().await;
}

#[tokio::test]
async fn keys_stay_in_their_bucket() {
    let server = Server::start("keys").await;
    server
        .client
        .create_bucket()
        .bucket("other")
        .send()
        .await
        .unwrap();
    for key in ["q", "q/r", "a b+c%2F", "ü"] {
        server.put(key, key).await;
        assert_eq!(server.get(key).await, key);
    }
    let again = server
        .client
        .create_bucket()
        .bucket("other")
        .send()
        .await
        .unwrap_err();
    assert_eq!(again.code(), Some("BucketAlreadyOwnedByYou"));
    let escape = server
        .client
        .put_object()
        .bucket("pictures")
        .key("../other/f");
    // Either as a key like any other, or refused; never in another bucket.
    let _ = escape.body(ByteStream::from_static(b"x")).send().await;
    assert_eq!(
        std::fs::read_dir(server.root.join("other"))
            .unwrap()
            .count(),
        0
    );
    let long = "x".repeat(300);
    let put = server.client.put_object().bucket("pictures").key(long);
    let refused = put
        .body(ByteStream::from_static(b"x"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some("KeyTooLongError"));
    server.stop().await;
}

#[tokio::test]
async fn what_it_does_not_know_is_not_implemented() {
    let server = Server::start("unknown").await;
    let multipart = server
        .client
        .create_multipart_upload()
        .bucket("pictures")
        .key("a");
    assert_eq!(
        multipart.send().await.unwrap_err().code(),
        Some("NotImplemented")
    );
    server.stop().await;
}

#[tokio::test]
async fn objects_outlive_the_server_and_leftovers_do_not() {
    let server = Server::start("restart").await;
    server.put("kept", "content").await;
    let root = server.halt().await;
    let leftover = root.join("pictures/.tmp-0123");
    std::fs::write(&leftover, "half").unwrap();
    let server = Server::start_on(root).await;
    assert_eq!(server.get("kept").await, "content");
    assert!(!leftover.exists());
    server.stop().await;
}

/// What `Signature Version 2` puts into a presigned URL: HMAC-SHA1, in base64.
fn signature_2(secret: &str, text: &str) -> String {
    use base64::Engine;
    use s3s::crypto::{Checksum, Sha1};
    let padded = |with: u8| {
        let mut block = [with; 64];
        for (byte, of) in block.iter_mut().zip(secret.bytes()) {
            *byte ^= of;
        }
        block.to_vec()
    };
    let inner = Sha1::checksum(&[padded(0x36), text.into()].concat());
    let outer = Sha1::checksum(&[padded(0x5c), inner.to_vec()].concat());
    base64::engine::general_purpose::STANDARD.encode(outer)
}

#[tokio::test]
async fn even_a_right_signature_of_version_2_is_refused() {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let server = Server::start("version-2").await;
    server.put("a", "content").await;
    let signature = signature_2("secret", "GET\n\n\n4000000000\n/pictures/a");
    let signature = utf8_percent_encode(&signature, NON_ALPHANUMERIC);
    let mut stream = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    let request = format!(
        "GET /pictures/a?AWSAccessKeyId=me&Expires=4000000000&Signature={signature} HTTP/1.1\r\n\
         host: {}\r\nconnection: close\r\n\r\n",
        server.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    // Not because the signature were wrong.
    assert!(answer.contains("AWS Signature Version 4"), "{answer}");
    server.stop().await;
}
