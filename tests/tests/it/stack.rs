//! The platform as its operators run it: two origins without workers behind `HAProxy`, workers of their own, Postgres behind a
//! pooler and with a replica, Redis, and `MinIO` where there is one.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{Minio, PgBouncer, PostgresServer, RedisServer};
use sluicegate_contract::accounts::Session;
use sluicegate_contract::uploads::{Ticket, Upload};
use sluicegate_tests::audit::Audit;
use sluicegate_tests::client::Client;
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::haproxy::Haproxy;
use sluicegate_tests::load::{Habit, Load};
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};

use crate::rolling::restart_behind_haproxy;
use crate::shared;

/// Prepared statements that the pooler keeps for each connection of the server.
const STATEMENTS: u32 = 200;
const DRIVES: usize = 4;
const CLIENTS: u64 = 4;

/// They end with this value.
struct Servers {
    primary: PostgresServer,
    replica: PostgresServer,
    pooler: PgBouncer,
    redis: RedisServer,
    store: Option<Minio>,
}

impl Servers {
    /// `None`, and noted, where one of them cannot be had; the embedded store stands in for `MinIO`, which takes minutes to
    /// be built.
    async fn start(test: &str) -> Option<Self> {
        if !Haproxy::is_there() {
            shared::skip(test, "no HAProxy");
            return None;
        }
        let (primary, replica) = PostgresServer::replicated().await;
        let pooler = PgBouncer::before(&primary.url("postgres"), STATEMENTS, test).await?;
        let redis = RedisServer::start(&[], test).await?;
        let store = if std::env::var_os("SLUICEGATE_MINIO").is_some() {
            Some(Minio::start(DRIVES, test).await?)
        } else {
            None
        };
        Some(Self {
            primary,
            replica,
            pooler,
            redis,
            store,
        })
    }

    fn names(&self) -> String {
        let store = match &self.store {
            Some(store) => store.version(),
            None => "the embedded store".to_owned(),
        };
        let (pooler, redis) = (self.pooler.version(), self.redis.version());
        format!("{pooler}, a replica, {redis}, {store}")
    }

    fn options(&self) -> Options {
        let mut options = shared::options()
            .setting("DATABASE_URL", &self.pooler.url())
            .setting("DATABASE_DIRECT_URL", &self.primary.url("postgres"))
            .setting("DATABASE_READ_URL", &self.replica.url("postgres"))
            .setting("REDIS_URL", &self.redis.url())
            .setting("S3_PUBLIC_ENDPOINT", "same");
        if let Some(store) = &self.store {
            options = options
                .setting("S3_ENDPOINT", &store.endpoint())
                .setting("S3_ACCESS_KEY_ID", Minio::ACCESS_KEY_ID)
                .setting("S3_SECRET_ACCESS_KEY", Minio::SECRET_ACCESS_KEY);
        }
        Options {
            no_workers: true,
            before: vec!["migrate"],
            ..options
        }
    }
}

/// Whatever one origin began, the other goes on with: log-in and refresh, ticket and `complete`.
async fn are_interchangeable(one: &Client, other: &Client) {
    let (_, signed_up) = one.sign_up("interchangeable").await.unwrap();
    let request = json!({ "refresh_token": signed_up.refresh_token });
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

/// The pooler dies under load and comes back; a drive of the store is away for a while. Who asks meanwhile is answered, or told
/// to come back, and nothing that was taken is lost.
async fn faults_under_load(servers: &mut Servers, platform: &Platform, edge: &[(&str, &str)]) {
    let edge = platform.start_edge_with(&platform.origin_url, edge).await;
    let (edge, edge_url) = edge.unwrap();
    let worker = platform.start_worker().await.unwrap();
    let people = shared::people(platform, "busy", CLIENTS).await;
    let people = people.iter().map(|client| client.at(&edge_url));
    let habit = Habit {
        posts_a_picture: 2,
        pause: Duration::from_millis(50),
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

    if let Some(store) = &servers.store {
        let before = load.times().await.unwrap();
        store.take_out(0);
        for _ in 0..3 {
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
    let refused = load.refused();
    let taken = load.end().await.unwrap();
    shared::measured(&format!(
        "of the stack under {CLIENTS} clients the pooler was killed, then a drive taken out: {} posts and {} pictures were taken and \
         are there, each judged; {refused} requests were refused with a time to come back",
        taken.posts, taken.uploads,
    ));
    let audit = Audit::of(platform).await.unwrap();
    audit.ensure_nothing_lost().unwrap();
    worker.stop(STOP_LIMIT).await.unwrap();
    edge.stop(STOP_LIMIT).await.unwrap();
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
    second.stop(STOP_LIMIT).await.unwrap();
    worker.stop(STOP_LIMIT).await.unwrap();

    let endpoint = servers.store.as_ref().map(Minio::endpoint);
    let mut edge = vec![("jwt_secret", shared::JWT_SECRET)];
    if let Some(endpoint) = &endpoint {
        edge.push(("store_url", endpoint));
    }
    faults_under_load(&mut servers, &platform, &edge).await;
    restart_behind_haproxy(&mut platform, &servers.names(), &edge).await;
    platform.stop().await.unwrap();
    ran.passed();
}
