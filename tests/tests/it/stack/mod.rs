//! The platform as its operators run it: two origins without workers behind `HAProxy`, workers of their own, Postgres behind a
//! pooler and with a replica, Redis, and `MinIO` on four servers.

mod faults;

use reqwest::Method;
use serde_json::json;
use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{Drives, Minio, PgBouncer, PostgresServer, RedisServer};
use sluicegate_contract::accounts::Session;
use sluicegate_contract::uploads::{Ticket, Upload};
use sluicegate_tests::client::{Client, PASSWORD};
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::haproxy::Haproxy;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};

use crate::limits::{MOST, passed};
use crate::rolling::restart_behind_haproxy;
use crate::shared;

/// Prepared statements that the pooler keeps for each connection of the server.
const STATEMENTS: u32 = 200;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_stack_works_and_its_origins_are_interchangeable() {
    let _turn = shared::in_turn().await;
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
    faults::under_load(&mut servers, &platform, &edge).await;
    restart_behind_haproxy(&mut platform, &servers.names(), &edge).await;
    platform.stop().await.unwrap();
    ran.passed();
}
