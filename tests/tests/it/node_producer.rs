//! Jobs that a producer of Node adds for what is there and has no job, done by our workers.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{
    NodePeer, RedisServer, ask_database, node_package, node_peer, tell_database,
};
use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::Moderation;
use sluicegate_tests::audit::Audit;
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::wait::wait_for;

use crate::redis::options as on_redis;
use crate::shared::{skip, wait_for_verdicts};

const LIMIT: Duration = Duration::from_mins(1);

#[tokio::test]
async fn what_a_node_producer_adds_gets_its_verdict() {
    let name = "what_a_node_producer_adds_gets_its_verdict";
    let Some(redis) = RedisServer::start(&[], name).await else {
        return;
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bullmq-node");
    let peer = folder.clone();
    let had = tokio::task::spawn_blocking(move || node_peer(&peer)).await;
    if let Err(reason) = had.unwrap() {
        skip(name, &reason);
        return;
    }
    let ran = RanOn::begins(
        &node_package(&folder, "bullmq"),
        "a producer for real verdicts",
    );
    let detector = Detector::start().await.unwrap();
    let options = Options {
        no_workers: true,
        ..on_redis(&redis, &detector)
    };
    let platform = Platform::start(options).await.unwrap();
    let client = platform.sign_up("produced").await.unwrap();
    let user = client.me().await.unwrap().id;
    let mut uploads = Vec::new();
    for file in ["photo.jpg", "unsafe.png"] {
        let file = fixtures::read(file).unwrap();
        let upload = client.upload_ok("avatar", file).await.unwrap();
        // Made for whoever asks: nobody works yet.
        let picture = client.get(&upload.url).await.unwrap();
        picture.expect_status(200).unwrap();
        uploads.push(upload.id);
    }
    let answer = client.post("said to whom Node belongs", None).await;
    let post: Post = answer.unwrap().expect(201).unwrap();

    // Our jobs of them are gone, from both.
    let database = platform.database_url().unwrap();
    wait_for("Redis to have ours", LIMIT, async || {
        let sql = "select count(*) from jobs where state = 'relayed'";
        Ok((ask_database(&database, sql).await == 3).then_some(()))
    })
    .await
    .unwrap();
    tell_database(&database, "delete from jobs").await;
    assert_eq!(redis.ask(&["FLUSHALL"]), "OK");

    for upload in &uploads {
        let data = json!({
            "key": format!("{upload}.webp"), "uploadType": "profile_picture", "userId": user,
        });
        let id = format!("node-{upload}");
        add(
            &folder,
            &redis,
            &["image-moderation", "moderate", &id],
            data,
        )
        .await;
    }
    let data = json!({ "postId": post.id, "userId": user });
    let id = format!("node-{}", post.id);
    add(&folder, &redis, &["post-processing", "process", &id], data).await;
    let worker = platform.start_worker().await.unwrap();
    let mut verdicts = Vec::new();
    for upload in uploads {
        verdicts.push(client.wait_for_verdict(upload).await.unwrap().moderation);
    }
    assert_eq!(verdicts, [Moderation::Passed, Moderation::Removed]);
    wait_for_verdicts(&client, &[post.id]).await;
    assert_eq!(detector.judged(), 2);
    wait_for("Redis to know", LIMIT, async || {
        let pictures = redis.completed("image-moderation");
        let posts = redis.completed("post-processing");
        Ok((pictures == 2 && posts == 1).then_some(()))
    })
    .await
    .unwrap();
    worker.stop(STOP_LIMIT).await.unwrap();
    let audit = Audit::of(&platform).await.unwrap();
    audit.ensure_clean().unwrap();
    platform.stop().await.unwrap();
    ran.passed();
}

/// Adds a job (its queue, name and id) and waits until Node has said so.
async fn add(folder: &Path, redis: &RedisServer, job: &[&str; 3], data: Value) {
    let (port, data) = (redis.port().to_string(), data.to_string());
    let arguments = [&["add", &port], &job[..], &["3", &data]].concat();
    let mut peer = NodePeer::start(folder, &arguments);
    assert_eq!(peer.says().await, json!({ "added": job[2] }));
}
