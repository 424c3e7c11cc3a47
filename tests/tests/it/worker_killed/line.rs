//! A platform whose first worker reaches everything through proxies.

use std::time::{Duration, Instant};

use sluicegate_conformance::servers::RedisServer;
use sluicegate_contract::ids::PostId;
use sluicegate_contract::posts::Post;
use sluicegate_tests::audit::Audit;
use sluicegate_tests::client::Client;
use sluicegate_tests::detector::Detector;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
use sluicegate_tests::process::{Program, children_of};
use sluicegate_tests::proxy::{Action, Proxy};
use sluicegate_tests::text_model::TextModel;
use sluicegate_tests::wait::{wait_for, within};
use tokio::sync::mpsc::UnboundedReceiver;

/// Long enough for the lease of a dead worker to run out.
const LIMIT: Duration = Duration::from_mins(1);

/// Locks are those of a real worker: 30 s, and lost ones are looked for every 15; and then it is done.
const DELIVERED_AGAIN: Duration = Duration::from_secs(75);

/// On which way something is seen.
#[derive(Clone, Copy)]
pub enum Between {
    Store,
    Database,
    Detector,
    TextModel,
    /// Nowhere: the worker has a child, which decodes.
    Child,
}

/// When the last of these texts passes.
pub struct Moment {
    pub between: Between,
    pub texts: &'static [&'static str],
    pub action: Action,
}

pub struct Line {
    pub client: Client,
    pub detector: Detector,
    pub model: TextModel,
    platform: Platform,
    /// In the order of `Between`.
    proxies: [Proxy; 4],
    /// Where it delivers jobs.
    redis: Option<RedisServer>,
}

/// A worker that is held in its moment.
pub struct Held {
    worker: Program,
    action: Action,
    seen: Option<UnboundedReceiver<String>>,
}

impl Line {
    /// Jobs are claimed from the table.
    pub async fn start(handle: &str) -> Self {
        Self::start_with(handle, None).await
    }

    /// Jobs are delivered by a Redis of its own. `None`, and noted, if there is none to start.
    pub async fn on_redis(handle: &str, test: &str) -> Option<Self> {
        let redis = RedisServer::with_password(&[], test).await?;
        Some(Self::start_with(handle, Some(redis)).await)
    }

    async fn start_with(handle: &str, redis: Option<RedisServer>) -> Self {
        let detector = Detector::start().await.unwrap();
        let model = TextModel::start().await.unwrap();
        let mut options = Options::default()
            .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
            .setting("MODERATION_IMAGE_ASYNC", "true")
            .setting("MODERATION_MODEL_URL", &model.url)
            .setting("MODERATION_MODEL", "stand-in")
            .setting("MODERATION_CONTENT_ASYNC", "true");
        options.no_workers = true;
        if let Some(redis) = &redis {
            options = options.setting("REDIS_URL", &redis.url());
        }
        let platform = Platform::start(options).await.unwrap();
        let client = platform.sign_up(handle).await.unwrap();
        let socket = platform.database_socket().unwrap();
        let upstreams = [&platform.store_url, &socket, &detector.url, &model.url];
        let [store, database, asked, chat] = upstreams.map(|url| Proxy::start(url));
        let proxies = [
            store.await.unwrap(),
            database.await.unwrap(),
            asked.await.unwrap(),
            chat.await.unwrap(),
        ];
        Self {
            client,
            detector,
            model,
            platform,
            proxies,
            redis,
        }
    }

    /// A worker that will be held when that moment comes.
    pub async fn worker_at(&self, moment: &Moment) -> Held {
        let [store, database, detector, model] = &self.proxies;
        let mut settings = self.platform.store_settings().unwrap();
        settings.extend([
            ("S3_ENDPOINT".to_owned(), store.url.clone()),
            self.platform.database_setting(&database.url).unwrap(),
            (
                "MODERATION_IMAGE_SERVICE_URL".to_owned(),
                detector.url.clone(),
            ),
            ("MODERATION_MODEL_URL".to_owned(), model.url.clone()),
        ]);
        let worker = self.platform.start_worker_with(settings).await.unwrap();
        let proxy = match moment.between {
            Between::Store => Some(store),
            Between::Database => Some(database),
            Between::Detector => Some(detector),
            Between::TextModel => Some(model),
            Between::Child => None,
        };
        Held {
            worker,
            action: moment.action,
            seen: proxy.map(|proxy| proxy.on_last_of(moment.texts, moment.action)),
        }
    }

    /// Starts another worker, which takes the job over and ends it.
    pub async fn next_worker_is_done(&self, stage: &str) {
        let mut worker = self.platform.start_worker().await.unwrap();
        worker
            .wait_for_line("done took_ms=", LIMIT)
            .await
            .expect(stage);
        worker.stop(STOP_LIMIT).await.unwrap();
    }

    /// Starts another worker, to which Redis delivers the job once more; until it knows that as many of pictures are completed.
    /// Answers how long that took.
    pub async fn is_delivered_again(&self, stage: &str, completed: u64) -> Duration {
        let redis = self.redis.as_ref().expect("a line on Redis");
        let since = Instant::now();
        let worker = self.platform.start_worker().await.unwrap();
        wait_for(stage, DELIVERED_AGAIN, async || {
            let there = redis.completed("image-moderation");
            Ok((there >= completed).then_some(()))
        })
        .await
        .unwrap();
        let took = since.elapsed();
        worker.stop(STOP_LIMIT).await.unwrap();
        took
    }

    pub fn is_on_redis(&self) -> bool {
        self.redis.is_some()
    }

    pub async fn audit(&self) -> Audit {
        Audit::of(&self.platform).await.unwrap()
    }

    /// Rows and objects agree, every verdict has one record, and no job was given up.
    pub async fn is_clean(&self, stage: &str, objects: u64) {
        let audit = self.audit().await;
        audit.ensure_clean().expect(stage);
        assert_eq!(audit.count("objects").unwrap(), objects, "{stage}: objects");
        let dead = self.platform.command(&["jobs", "list"]).await.unwrap();
        assert!(
            dead.iter().any(|line| line.contains("no dead jobs")),
            "{stage}: {dead:?}"
        );
    }

    pub async fn write(&self, text: &str) -> PostId {
        let answer = self.client.post(text, None).await.unwrap();
        answer.expect::<Post>(201).unwrap().id
    }

    pub async fn post(&self, id: &PostId) -> Post {
        let answer = self.client.get(&format!("/v1/posts/{id}")).await.unwrap();
        answer.expect(200).unwrap()
    }

    pub async fn stop(self) {
        self.platform.stop().await.unwrap();
    }
}

impl Held {
    /// Kills the worker as `kill -9` does when its moment has come; what was held goes no further.
    pub async fn in_that_moment(mut self, stage: &str) {
        let worker = self.worker.pid().unwrap();
        if let Some(seen) = &mut self.seen {
            for _ in 0..=u8::from(self.action.is_told_twice()) {
                let passing = within(stage, LIMIT, seen.recv()).await.expect(stage);
                passing.expect("the proxy lives");
            }
        } else {
            let child = async || Ok(children_of(worker).first().copied());
            wait_for(stage, LIMIT, child).await.expect(stage);
        }
        self.worker.must_run().expect(stage);
        self.worker.kill().unwrap();
    }
}
