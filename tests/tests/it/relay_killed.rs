//! The process that brings jobs to Redis and compares rows with it, killed in the middle of either. What it says to the
//! database is held back there until it is dead; then another one goes on.

use std::time::{Duration, Instant};

use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{RedisServer, ask_database};
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::Moderation;
use sluicegate_tests::audit::Audit;
use sluicegate_tests::client::Client;
use sluicegate_tests::detector::Detector;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::proxy::{Action, Proxy};
use sluicegate_tests::wait::{wait_for, within};

use crate::redis::options as on_redis;
use crate::shared::{measured, people};

const LIMIT: Duration = Duration::from_mins(1);
/// An origin and a worker begin, and what was left lying is done.
const GOES_ON: Duration = Duration::from_secs(25);
const QUEUE: &str = "image-moderation";
/// Each sends one picture: of one owner only so many jobs wait in Redis.
const PEOPLE: u64 = 4;
const RELAYED: &str =
    "select count(*) from jobs where queue = 'image-moderation' and state = 'relayed'";
/// What Redis has is about to be noted in the rows, and committed.
const CONFIRM: &str = "set state = 'relayed'";
/// A row whose job Redis has lost is about to be made ready again.
const RESOLVE: &str = "set state = 'ready', relayed_at = null, checked_at = null";
/// Rows are not left until their turn, which comes each half minute.
const BEGINS_AGAIN: &str = "Redis is new or was emptied";

/// A platform on Redis whose origin has no workers.
struct Line {
    ran: RanOn,
    redis: RedisServer,
    detector: Detector,
    options: Options,
    platform: Platform,
}

impl Line {
    /// `None`, and noted, where there is no Redis.
    async fn start(test: &str) -> Option<Self> {
        let redis = RedisServer::with_password(&[], test).await?;
        let detector = Detector::start().await.unwrap();
        let options = Options {
            no_workers: true,
            ..on_redis(&redis, &detector)
        };
        let platform = Platform::start(options.clone()).await.unwrap();
        let ran = RanOn::begins(&redis.version(), "relay and reconciler killed");
        Some(Self {
            ran,
            redis,
            detector,
            options,
            platform,
        })
    }

    /// Before the database.
    async fn proxy(&self) -> Proxy {
        let socket = self.platform.database_socket().unwrap();
        Proxy::start(&socket).await.unwrap()
    }

    /// Another origin, which reaches the database through this proxy, and an edge of its own.
    async fn another_through(&self, proxy: &Proxy) -> Platform {
        let mut options = self.options.clone();
        let database = self.platform.database_setting(&proxy.url).unwrap();
        options.settings.push(database);
        let store = self.platform.store_url.clone();
        self.platform.start_second(options, &store).await.unwrap()
    }

    /// How many jobs Redis has for whoever works.
    fn waiting(&self) -> u64 {
        self.redis.count(&["LLEN", "bull:image-moderation:wait"])
    }

    /// All are in Redis, and their rows say so: what is there before its row says it is handed over once more.
    async fn all_are_handed_over(&self) {
        let database = self.platform.database_url().unwrap();
        wait_for("all rows to be handed over", LIMIT, async || {
            let relayed = ask_database(&database, RELAYED).await;
            Ok((u64::try_from(relayed)? == PEOPLE).then_some(()))
        })
        .await
        .unwrap();
        assert_eq!(self.waiting(), PEOPLE);
    }

    /// The origin begins again, says something, and a worker begins: all of these get their verdicts, each once.
    async fn goes_on(mut self, fault: &str, says: Option<&str>, sent: &[(Client, UploadId)]) {
        let since = Instant::now();
        self.platform.restart_origin().await.unwrap();
        if let Some(said) = says {
            wait_for(format!("the origin to say {said}"), LIMIT, async || {
                let output = self.platform.output();
                let found = output.iter().any(|line| line.contains(said));
                Ok(found.then_some(()))
            })
            .await
            .unwrap();
        }
        let worker = self.platform.start_worker().await.unwrap();
        for (client, id) in sent {
            let client = client.at(&self.platform.edge_url);
            let judged = client.wait_for_verdict(*id).await.unwrap();
            assert_eq!(judged.moderation, Moderation::Passed, "{fault}");
        }
        measured(&format!(
            "{fault}: all of {} pictures had their verdicts {:.1} s after another one began, each was judged once",
            sent.len(),
            since.elapsed().as_secs_f64()
        ));
        assert!(since.elapsed() < GOES_ON, "{fault}: {:?}", since.elapsed());
        wait_for("Redis to know", LIMIT, async || {
            Ok((self.redis.completed(QUEUE) == PEOPLE).then_some(()))
        })
        .await
        .unwrap();
        assert_eq!(self.detector.judged(), PEOPLE, "{fault}");
        let audit = Audit::of(&self.platform).await.unwrap();
        audit.ensure_clean().expect(fault);
        worker.stop(STOP_LIMIT).await.unwrap();
        self.platform.stop().await.unwrap();
        self.ran.passed();
    }
}

async fn send(client: Client) -> (Client, UploadId) {
    let picture = fixtures::read("photo.png").unwrap();
    let upload = client.upload_ok("post_header", picture).await.unwrap();
    (client, upload.id)
}

#[tokio::test]
async fn a_relay_that_dies_between_redis_and_its_commit_loses_and_doubles_nothing() {
    let name = "a_relay_that_dies_between_redis_and_its_commit_loses_and_doubles_nothing";
    let Some(mut line) = Line::start(name).await else {
        return;
    };
    let proxy = line.proxy().await;
    line.platform.kill_origin().unwrap();
    let mut relays = line.another_through(&proxy).await;
    let mut people = people(&relays, "relayed", PEOPLE).await.into_iter();
    let mut held = proxy.on(CONFIRM, Action::Hold);
    let mut sent = vec![send(people.next().unwrap()).await];
    within("the relay to confirm", LIMIT, held.recv())
        .await
        .unwrap()
        .expect("the proxy lives");
    // What comes meanwhile waits for it. At once: its call to the database is given up after ten seconds.
    let others: Vec<_> = people.map(|client| tokio::spawn(send(client))).collect();
    for other in others {
        sent.push(other.await.unwrap());
    }
    assert_eq!(line.waiting(), 1, "Redis has the first");
    relays.origin.as_mut().unwrap().must_run().unwrap();
    relays.kill_origin().unwrap();
    drop(held);

    let fault = "a relay was killed between its add to Redis and its commit";
    line.goes_on(fault, None, &sent).await;
    relays.stop().await.unwrap();
}

#[tokio::test]
async fn a_reconciler_that_dies_over_what_redis_lost_leaves_it_to_the_next() {
    let name = "a_reconciler_that_dies_over_what_redis_lost_leaves_it_to_the_next";
    let Some(mut line) = Line::start(name).await else {
        return;
    };
    let mut sent = Vec::new();
    for client in people(&line.platform, "compared", PEOPLE).await {
        sent.push(send(client).await);
    }
    line.all_are_handed_over().await;
    let proxy = line.proxy().await;
    line.platform.kill_origin().unwrap();
    assert_eq!(line.redis.ask(&["FLUSHALL"]), "OK");
    let mut held = proxy.on(RESOLVE, Action::Hold);
    let (name, value) = line.platform.database_setting(&proxy.url).unwrap();
    let another = line.platform.start_another_origin_with(&name, &value);
    let (mut compares, _) = another.await.unwrap();
    within("the reconciler to find them gone", LIMIT, held.recv())
        .await
        .unwrap()
        .expect("the proxy lives");
    assert_eq!(line.waiting(), 0);
    compares.must_run().unwrap();
    compares.kill().unwrap();
    drop(held);

    // It had not said that all rows are compared, so the next one begins again before it is their turn.
    let fault = "a reconciler was killed over what Redis had lost";
    line.goes_on(fault, Some(BEGINS_AGAIN), &sent).await;
}
