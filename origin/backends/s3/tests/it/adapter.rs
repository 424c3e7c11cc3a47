use std::time::Duration;

use bytes::Bytes;
use sluicegate_core::ports::{ObjectStore, PutGrant, PutOptions, Reach};
use sluicegate_s3::{S3ObjectStore, Settings};

use crate::server::{Server, http, now};

fn grant(key: &str) -> PutGrant<'_> {
    PutGrant {
        key,
        length: 3,
        sha256: None,
        lifetime: Duration::from_mins(10),
        reach: Reach::Public,
    }
}

#[test]
fn secrets_are_not_shown() {
    let settings = settings("http://127.0.0.1:1");
    let shown = format!("{settings:?} {:?}", S3ObjectStore::new(&settings));
    assert!(!shown.contains("hidden"), "{shown}");
}

fn settings(endpoint: &str) -> Settings {
    Settings {
        endpoint: endpoint.to_owned(),
        edge_endpoint: "http://edge.example:9000".to_owned(),
        public_endpoint: Some("https://cdn.example".to_owned()),
        region: "eu-central-1".to_owned(),
        bucket: "pictures".to_owned(),
        access_key_id: "somebody".to_owned(),
        secret_access_key: "hidden".to_owned(),
    }
}

#[tokio::test]
async fn urls_name_the_host_of_those_who_use_them() {
    let store = S3ObjectStore::new(&settings("http://127.0.0.1:1"));
    let put = store.presign_put(&grant("staging/a"), now()).await.unwrap();
    assert!(
        put.url
            .starts_with("https://cdn.example/pictures/staging/a?"),
        "{}",
        put.url
    );
    let get = store
        .presign_get("media/a", Duration::from_mins(1), Reach::Edge, now())
        .await
        .unwrap();
    assert!(
        get.url
            .starts_with("http://edge.example:9000/pictures/media/a?"),
        "{}",
        get.url
    );
    assert!(!put.headers.contains_key("host"));
    let signed = "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bif-none-match&";
    assert!(put.url.contains(signed), "{}", put.url);
}

#[tokio::test]
async fn nothing_is_presigned_for_clients_without_an_endpoint() {
    let settings = Settings {
        public_endpoint: None,
        ..settings("http://127.0.0.1:1")
    };
    let error = S3ObjectStore::new(&settings)
        .presign_put(&grant("a"), now())
        .await
        .unwrap_err();
    assert!(!error.is_unavailable(), "{error}");
}

#[tokio::test]
async fn a_store_that_is_down_is_unavailable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let store = S3ObjectStore::new(&settings(&endpoint));
    assert!(store.ping().await.unwrap_err().is_unavailable());
    assert!(store.head("a").await.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn wrong_keys_and_missing_buckets_are_failures() {
    let server = Server::start("wrong").await;
    let store = S3ObjectStore::new(&server.settings);
    let error = store.ping().await.unwrap_err();
    assert!(
        !error.is_unavailable() && error.to_string().contains("pictures"),
        "{error}"
    );
    let options = PutOptions { content_type: "" };
    let error = store
        .put("a", Bytes::from_static(b"x"), &options)
        .await
        .unwrap_err();
    assert!(!error.is_unavailable(), "{error}");
    assert!(
        store.read("a", None).await.is_err(),
        "a missing bucket is no missing object"
    );

    let wrong = Settings {
        secret_access_key: "other".to_owned(),
        ..server.settings.clone()
    };
    let error = S3ObjectStore::new(&wrong)
        .ensure_bucket()
        .await
        .unwrap_err();
    assert!(!error.is_unavailable(), "{error}");
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_signed_is_refused() {
    let server = Server::start("unsigned").await;
    S3ObjectStore::new(&server.settings)
        .ensure_bucket()
        .await
        .unwrap();
    let endpoint = &server.settings.endpoint;
    for path in ["/pictures", "/pictures/a", "/"] {
        let answer = http()
            .get(format!("{endpoint}{path}"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 403, "{path}");
    }
    let answer = http()
        .put(format!("{endpoint}/pictures/a"))
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 403);
    // Signature Version 2, as a presigned URL: even a right one would sign no headers.
    let old = "AWSAccessKeyId=somebody&Expires=4000000000&Signature=AAAAAAAAAAAAAAAAAAAAAAAAAAA%3D";
    let answer = http()
        .get(format!("{endpoint}/pictures/a?{old}"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 403);
    server.stop().await;
}
