//! TLS, and a cluster.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_bullmq::Bull;
use sluicegate_conformance::fair::{self, Begins};
use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{RedisCluster, RedisServer};
use sluicegate_contract::ids::AccountId;
use sluicegate_core::job::{JobState, POST_QUEUE};
use sluicegate_worker::Outcome;

use crate::support::{ByRedis, TestJob, World, bull, quick, test_name, until};

/// All that deliveries do there: each job fails once, and those of one owner are held, and come when one has ended.
async fn done_by(bull: &Arc<Bull>) {
    let world = World::new().await;
    let mut jobs = world.add_many(12).await;
    let owner = AccountId(world.env.new_id());
    for _ in 0..8 {
        jobs.push(world.add_of(owner).await);
    }
    let job = TestJob::new(|leased| async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(match leased.attempts_used {
            1 => Outcome::Retry {
                error: "down".to_owned(),
                after: Some(Duration::from_millis(1)),
            },
            _ => Outcome::Done,
        })
    });
    let mut settings = quick();
    settings.share_pause = Duration::from_hours(1);
    settings.ahead.least = 8;
    let running = world.run(bull, &job, settings);
    world.until_all_done(&jobs).await;
    running.stop().await;
    assert_eq!((job.runs(), job.most_runs()), (40, 2));
}

async fn is_fair(bull: &Arc<Bull>) {
    let world = World::new().await;
    let begins: Arc<dyn Begins> = Arc::new(ByRedis::new(bull.clone(), world));
    fair::run(&begins).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_go_through_a_redis_with_tls_and_only_if_its_certificate_is_right() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Some(redis) = RedisServer::with_tls(&test_name()).await else {
        return;
    };
    let ran = RanOn::begins(&redis.version(), "the queue");
    let trusting = bull(&redis.url(), redis.authority());
    until("it answers", async || trusting.inspect().await.is_ok()).await;
    done_by(&trusting).await;
    is_fair(&trusting).await;

    assert!(
        bull(&redis.url(), None).inspect().await.is_err(),
        "nobody vouches for it"
    );
    let plain = redis.url().replacen("rediss:", "redis:", 1);
    assert!(bull(&plain, None).inspect().await.is_err());
    ran.passed();
}

const GUIDE: &str = include_str!("../../../../../docs/operations/redis.md");

/// Where the user of the operators' guide has made themselves known to these servers.
async fn as_documented_user(ports: &[u16]) -> String {
    let line = GUIDE
        .lines()
        .find(|line| line.starts_with("user sluicegate-jobs "));
    let rules: Vec<&str> = line.unwrap().split(' ').skip(1).collect();
    let password = rules
        .iter()
        .find_map(|rule| rule.strip_prefix('>'))
        .unwrap();
    let mut urls = Vec::new();
    for port in ports {
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = redis::cmd("ACL");
        command.arg("SETUSER").arg(&rules);
        command.exec_async(&mut connection).await.unwrap();
        urls.push(format!(
            "redis://sluicegate-jobs:{password}@127.0.0.1:{port}"
        ));
    }
    urls.join(",")
}

#[tokio::test]
async fn the_documented_rights_are_enough_for_jobs() {
    let Some(redis) = RedisServer::start(&[], &test_name()).await else {
        return;
    };
    let ran = RanOn::begins(&redis.version(), "the queue, with few rights");
    let bull = bull(&as_documented_user(&[redis.port()]).await, None);
    assert_eq!(bull.inspect().await.unwrap().len(), 1);
    done_by(&bull).await;
    ran.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_go_through_a_cluster() {
    let Some(cluster) = RedisCluster::start(&test_name()).await else {
        return;
    };
    let ran = RanOn::begins(&cluster.version(), "the queue");
    let ports: Vec<u16> = cluster.ports().collect();
    let bull = bull(&as_documented_user(&ports).await, None);
    assert_eq!(bull.inspect().await.unwrap().len(), 3);
    done_by(&bull).await;
    is_fair(&bull).await;

    // What fails waits there as well, and is found if it is lost.
    let world = World::new().await;
    let job = TestJob::done();
    let id = world.add().await;
    world
        .relay(&bull, quick())
        .relay_once(POST_QUEUE)
        .await
        .unwrap();
    for port in cluster.ports() {
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd("FLUSHALL")
            .exec_async(&mut connection)
            .await
            .unwrap();
    }
    let running = world.run(&bull, &job, quick());
    world.until_state(id, JobState::Done).await;
    running.stop().await;
    ran.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_go_through_a_cluster_with_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Some(cluster) = RedisCluster::with_tls(&test_name()).await else {
        return;
    };
    let ran = RanOn::begins(&cluster.version(), "the queue");
    let trusting = bull(&cluster.urls(), cluster.authority());
    assert_eq!(trusting.inspect().await.unwrap().len(), 3);
    done_by(&trusting).await;
    let nobody_vouches = bull(&cluster.urls(), None).inspect().await;
    assert!(nobody_vouches.is_err());
    ran.passed();
}
