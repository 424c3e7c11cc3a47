//! The platform as its operators run it: two origins without workers behind `HAProxy`, workers of their own, Postgres behind a
//! pooler and with a replica, Redis, and `MinIO` on four servers.

use std::time::{Duration, Instant};

use anyhow::Context;
use reqwest::Method;
use serde_json::json;
use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{Drives, Minio, PgBouncer, PostgresServer, RedisServer};
use sluicegate_contract::accounts::Session;
use sluicegate_contract::uploads::{Ticket, Upload};
use sluicegate_tests::audit::Audit;
use sluicegate_tests::client::{Client, PASSWORD};
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::haproxy::Haproxy;
use sluicegate_tests::load::{Habit, Load};
use sluicegate_tests::metrics::Metrics;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::wait::wait_for;

use crate::limits::{MOST, passed};
use crate::rolling::restart_behind_haproxy;
use crate::shared;

/// Prepared statements that the pooler keeps for each connection of the server.
const STATEMENTS: u32 = 200;
const CLIENTS: u64 = 4;
/// Until a replica is left out, or used again.
const LIMIT: Duration = Duration::from_mins(1);
const USED_AGAIN: Duration = Duration::from_secs(30);

/// They end with this value.
struct Servers {
    primary: PostgresServer,
    replica: PostgresServer,
    pooler: PgBouncer,
    redis: RedisServer,
    store: Minio,
}

impl Servers {
    /// `None`, and noted, where one of them cannot be had.
    async fn start(test: &str) -> Option<Self> {
        if !Haproxy::is_there() {
            shared::skip(test, "no HAProxy");
            return None;
        }
        let (primary, replica) = PostgresServer::replicated().await;
        let pooler = PgBouncer::before(&primary.url("postgres"), STATEMENTS, test).await?;
        let redis = RedisServer::start(&[], test).await?;
        let store = Minio::start(Drives::FourServers, test).await?;
        Some(Self {
            primary,
            replica,
            pooler,
            redis,
            store,
        })
    }

    fn names(&self) -> String {
        let (pooler, redis) = (self.pooler.version(), self.redis.version());
        let store = self.store.version();
        format!("{pooler}, a replica, {redis}, {store}")
    }

    fn options(&self) -> Options {
        let options = shared::options()
            .setting("DATABASE_URL", &self.pooler.url())
            .setting("DATABASE_DIRECT_URL", &self.primary.url("postgres"))
            .setting("DATABASE_READ_URL", &self.replica.url("postgres"))
            .setting("REDIS_URL", &self.redis.url())
            .setting("S3_PUBLIC_ENDPOINT", "same")
            .setting("S3_ENDPOINT", &self.store.endpoint())
            .setting("S3_ACCESS_KEY_ID", Minio::ACCESS_KEY_ID)
            .setting("S3_SECRET_ACCESS_KEY", Minio::SECRET_ACCESS_KEY);
        Options {
            no_workers: true,
            before: vec!["migrate"],
            ..options
        }
    }
}

/// Whatever one origin began, the other goes on with: log-in and refresh, ticket and `complete`.
async fn are_interchangeable(one: &Client, other: &Client) {
    other.sign_up("interchangeable").await.unwrap();
    let request = json!({ "handle": "interchangeable", "password": PASSWORD });
    let logged_in = one.send(Method::POST, "/v1/sessions", &request).await;
    let logged_in: Session = logged_in.unwrap().expect(201).unwrap();
    let request = json!({ "refresh_token": logged_in.refresh_token });
    let refreshed = other.send(Method::POST, "/v1/sessions/refresh", &request);
    let refreshed: Session = refreshed.await.unwrap().expect(200).unwrap();
    let token = Some(refreshed.access_token.as_str());
    let (one, other) = (one.with_token(token), other.with_token(token));
    assert_eq!(one.me().await.unwrap().id, other.me().await.unwrap().id);

    let photo = fixtures::read("photo.jpg").unwrap();
    let request = json!({ "purpose": "avatar", "content_length": photo.len() });
    let ticket = one.send(Method::POST, "/v1/upload-tickets", &request).await;
    let ticket: Ticket = ticket.unwrap().expect(201).unwrap();
    let mut put = Client::new("")
        .unwrap()
        .request(Method::PUT, &ticket.put.url);
    for (name, value) in &ticket.put.headers {
        // The HTTP client counts for itself.
        if name != "content-length" {
            put = put.header(name, value);
        }
    }
    assert_eq!(put.body(photo).send().await.unwrap().status(), 200);
    let path = format!("/v1/uploads/{}/complete", ticket.id);
    let upload = other.call(Method::POST, &path).await.unwrap();
    let upload: Upload = upload.expect(201).unwrap();
    assert_eq!(upload.id, ticket.id);
    one.wait_until_ready(upload.id).await.unwrap();
}

/// Two of them count the requests of one client together.
async fn count_together(platform: &Platform) {
    let rate = &MOST.to_string();
    let start = async || {
        platform
            .start_another_origin_with("RATE_ADDRESS_LISTS", rate)
            .await
    };
    let (one, two) = (start().await.unwrap(), start().await.unwrap());
    let clients = [&one, &two].map(|(_, url)| Client::new(url).unwrap());
    let [first, second] = &clients;
    assert_eq!(passed(&[first, second], "198.51.100.9").await, MOST);
    for (program, _) in [one, two] {
        program.stop(STOP_LIMIT).await.unwrap();
    }
}

/// The pooler dies under load and comes back, and so does the database: who asks meanwhile is told to come back. Then a drive of the store is away for a
/// while, and the replica gone, and late, and nobody feels it. Nothing that was taken is lost.
async fn faults_under_load(servers: &mut Servers, platform: &Platform, edge: &[(&str, &str)]) {
    let edge = platform.start_edge_with(&platform.origin_url, edge).await;
    let (edge, edge_url) = edge.unwrap();
    let worker = platform.start_worker().await.unwrap();
    let people = shared::people(platform, "busy", CLIENTS).await;
    let people = people.iter().map(|client| client.at(&edge_url));
    let habit = Habit {
        posts_a_picture: 3,
        pause: Duration::from_millis(100),
    };
    let load = Load::begin(people, habit);
    load.each_is_answered("answered at first").await.unwrap();

    let before = load.times().await.unwrap();
    servers.pooler.kill().await;
    load.each_is_refused("refused without a pooler")
        .await
        .unwrap();
    servers.pooler.start().await;
    let since = Instant::now();
    load.each_is_answered("answered again").await.unwrap();
    let fault = "PgBouncer was killed under load and started again";
    load.is_normal_again(fault, &before, since).await.unwrap();

    restart_the_primary(&mut servers.primary, &load).await;
    let refused = load.refused();

    take_a_drive_out(&servers.store, &load).await;
    stop_the_replica(&mut servers.replica, platform, &load).await;
    hold_the_replica_back(&servers.replica, platform, &load).await;
    assert_eq!(
        load.refused(),
        refused,
        "only without a pooler or a database"
    );
    let reads = load.reads();
    let taken = load.end().await.unwrap();
    shared::measured(&format!(
        "of the stack under {CLIENTS} clients the pooler and the database were killed, a drive taken out, the replica stopped, then late: {} posts and \
         {} pictures were taken and are there, each judged, {reads} posts were read; {refused} requests were refused with a time to \
         come back, all of them without pooler or database",
        taken.posts, taken.uploads,
    ));
    let audit = Audit::of(platform).await.unwrap();
    audit.ensure_nothing_lost().unwrap();
    worker.stop(STOP_LIMIT).await.unwrap();
    edge.stop(STOP_LIMIT).await.unwrap();
}

async fn restart_the_primary(primary: &mut PostgresServer, load: &Load) {
    let before = load.times().await.unwrap();
    primary.kill().await;
    load.each_is_refused("refused without a database")
        .await
        .unwrap();
    primary.start().await;
    let since = Instant::now();
    load.each_is_answered("answered again").await.unwrap();
    let fault = "Postgres behind PgBouncer crashed under load and started again";
    load.is_normal_again(fault, &before, since).await.unwrap();
}

async fn take_a_drive_out(store: &Minio, load: &Load) {
    let before = load.times().await.unwrap();
    store.take_out(0);
    // Not for long: then it would make a new one.
    for _ in 0..2 {
        load.each_is_answered("answered without a drive")
            .await
            .unwrap();
    }
    assert!(store.is_out(0), "nobody has made a new one");
    store.put_back(0);
    let since = Instant::now();
    let fault = "a drive of four was taken out under load and put back";
    load.is_normal_again(fault, &before, since).await.unwrap();
}

async fn stop_the_replica(replica: &mut PostgresServer, platform: &Platform, load: &Load) {
    let before = load.times().await.unwrap();
    replica_is(1, platform).await;
    replica.kill().await;
    replica_is(0, platform).await;
    load.each_is_answered("answered without a replica")
        .await
        .unwrap();
    replica.start().await;
    let since = used_again(platform).await;
    let fault = "the replica was stopped under load and started again";
    load.is_normal_again(fault, &before, since).await.unwrap();
}

async fn hold_the_replica_back(replica: &PostgresServer, platform: &Platform, load: &Load) {
    let before = load.times().await.unwrap();
    replica.pause_replay().await;
    replica_is(0, platform).await;
    load.each_is_answered("answered while the replica is late")
        .await
        .unwrap();
    replica.resume_replay().await;
    let since = used_again(platform).await;
    let fault = "the replica was late under load and caught up";
    load.is_normal_again(fault, &before, since).await.unwrap();
}

/// Waits until the replica, which is well from now on, is used.
async fn used_again(platform: &Platform) -> Instant {
    let since = Instant::now();
    replica_is(1, platform).await;
    let took = since.elapsed();
    shared::measured(&format!(
        "the replica was used again {:.1} s after it was well",
        took.as_secs_f64()
    ));
    assert!(took < USED_AGAIN, "{took:?}");
    Instant::now()
}

/// Waits until the origin asks so many replicas; if it asks one, until it was answered by it.
async fn replica_is(in_use: u8, platform: &Platform) {
    let seen = async || {
        let origin = platform.origin.as_ref().context("no origin")?;
        let metrics = Metrics::of(origin).await?;
        let used = metrics.sum("sluicegate_database_replicas_in_use", &[]);
        let reads = [("by", "replica")];
        let reads = metrics.sum("sluicegate_database_public_reads_total", &reads);
        anyhow::Ok((used, reads))
    };
    let (_, before) = seen().await.unwrap();
    let what = format!("{in_use} replicas to be in use");
    wait_for(what, LIMIT, async || {
        let (used, reads) = seen().await?;
        let is_so = (used - f64::from(in_use)).abs() < 0.5;
        Ok((is_so && (in_use == 0 || reads > before)).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_stack_works_and_its_origins_are_interchangeable() {
    let test = "the_whole_stack_works_and_its_origins_are_interchangeable";
    let Some(mut servers) = Servers::start(test).await else {
        return;
    };
    let ran = RanOn::begins(
        &servers.names(),
        "the whole stack, its faults and a rolling restart under load",
    );
    let detector = Detector::start().await.unwrap();
    let options = servers
        .options()
        .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
        .setting("MODERATION_IMAGE_ASYNC", "true");
    let mut platform = Platform::start(options).await.unwrap();
    let doctor = platform.command(&["doctor"]).await.unwrap().join("\n");
    for found in ["replica", "Redis"] {
        assert!(doctor.contains(found), "{doctor}");
    }

    let (second, second_url) = platform.start_another_origin().await.unwrap();
    let worker = platform.start_worker().await.unwrap();
    let first = platform.origin_client().unwrap();
    are_interchangeable(&first, &Client::new(&second_url).unwrap()).await;
    count_together(&platform).await;
    second.stop(STOP_LIMIT).await.unwrap();
    worker.stop(STOP_LIMIT).await.unwrap();

    let endpoint = servers.store.endpoint();
    let edge = [("jwt_secret", shared::JWT_SECRET), ("store_url", &endpoint)];
    faults_under_load(&mut servers, &platform, &edge).await;
    restart_behind_haproxy(&mut platform, &servers.names(), &edge).await;
    platform.stop().await.unwrap();
    ran.passed();
}
