use std::sync::Arc;

use sluicegate_conformance::objects::{Fixture, all};
use sluicegate_core::ports::Reach;
use sluicegate_s3::S3ObjectStore;

use crate::server::{Server, http, now};

#[tokio::test]
async fn to_the_port_on_the_embedded_server() {
    let server = Server::start("conforms").await;
    let fixture = Fixture {
        store: Arc::new(S3ObjectStore::new(&server.settings)),
        http: http(),
        now: now(),
        prefix: "suite".to_owned(),
        reach: Reach::Edge,
    };
    all(&fixture).await;
    let left: Vec<String> = server
        .files()
        .into_iter()
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "temporary files stayed: {left:?}");
    drop(fixture);
    server.stop().await;
}
