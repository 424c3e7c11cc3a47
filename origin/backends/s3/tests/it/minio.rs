use std::sync::Arc;

use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::objects::{Fixture, all};
use sluicegate_conformance::servers::{Drives, Minio};
use sluicegate_core::ports::Reach;
use sluicegate_s3::{S3ObjectStore, Settings};

use crate::server::{http, now};

pub(crate) fn settings(server: &Minio) -> Settings {
    Settings {
        endpoint: server.endpoint(),
        // Another name of the same server: what is signed for the one is no use at the other.
        edge_endpoint: server.endpoint().replace("127.0.0.1", "localhost"),
        public_endpoint: None,
        region: "us-east-1".to_owned(),
        bucket: "pictures".to_owned(),
        access_key_id: Minio::ACCESS_KEY_ID.to_owned(),
        secret_access_key: Minio::SECRET_ACCESS_KEY.to_owned(),
    }
}

async fn conforms(drives: Drives, test: &str) {
    let Some(server) = Minio::start(drives, test).await else {
        return;
    };
    let ran = RanOn::begins(&server.version(), "conformance of the object store");
    let fixture = Fixture {
        store: Arc::new(S3ObjectStore::new(&settings(&server))),
        http: http(),
        now: now(),
        prefix: "suite".to_owned(),
        reach: Reach::Edge,
    };
    all(&fixture).await;
    drop(fixture);
    ran.passed();
    server.stop().await;
}

#[tokio::test]
async fn to_the_port_on_minio_with_one_drive() {
    conforms(Drives::One, "to_the_port_on_minio_with_one_drive").await;
}

#[tokio::test]
async fn to_the_port_on_minio_with_four_drives() {
    conforms(Drives::Four, "to_the_port_on_minio_with_four_drives").await;
}

#[tokio::test]
async fn to_the_port_on_minio_of_four_servers() {
    let name = "to_the_port_on_minio_of_four_servers";
    conforms(Drives::FourServers, name).await;
}
