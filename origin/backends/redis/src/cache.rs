use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{Found, PublicCache, Versions};
use sluicegate_core::public::{Change, Item, KEPT_BYTES, KEPT_FOR};

use crate::shared::Shared;

/// Of all our keys here. In a cluster they are on one node by it, so that versions and content are read in one step.
const PREFIX: &str = "{sluicegate:public}";
/// How long a version holds at most: nothing has to remember it for longer than what was read under it.
const VERSION_LIFE: Duration = Duration::from_hours(1);

/// Both versions, and for how long each holds yet.
type Aged = ((Option<String>, Option<String>), i64, i64);
/// Both versions, and what is kept under some.
type Kept = (Option<String>, Option<String>, Option<Vec<u8>>);

/// Keeps what everybody may read for all processes that are told of the same Redis, which may drop any of it.
///
/// A topic's version is a random word that comes and goes with its key: a change deletes the key, and whoever reads next makes
/// another word. So a version that was dropped never comes back, and with it nothing that was kept under it.
pub struct RedisCache {
    redis: Arc<Shared>,
    env: Env,
    settles: Duration,
}

impl RedisCache {
    /// On this server or cluster. What is read `settles` after a change or later shows that change: for as long nothing is
    /// kept after one. No time, unless copies of the database are read.
    pub fn new(redis: Arc<Shared>, env: Env, settles: Duration) -> Self {
        Self {
            redis,
            env,
            settles,
        }
    }

    /// The versions of both topics by now, made where there is none; nothing while they are too young.
    async fn versions(&self, [all, own]: &[String; 2]) -> Result<Option<Versions>, PortError> {
        let (one, other) = (self.version(), self.version());
        let life = millis(VERSION_LIFE);
        let mut calls = redis::pipe();
        for (topic, version) in [(all, one), (own, other)] {
            let set = calls.cmd("SET").arg(topic).arg(version);
            set.arg("NX").arg("PX").arg(life).ignore();
        }
        calls.cmd("MGET").arg(all).arg(own);
        calls.cmd("PTTL").arg(all).cmd("PTTL").arg(own);
        let told: Aged = self
            .redis
            .call(|mut connection| async move { calls.query_async(&mut connection).await })
            .await?;
        let ((all, own), left_of_all, left_of_own) = told;
        let youngest = life.saturating_sub(left_of_all.max(left_of_own));
        if youngest < millis(self.settles) {
            return Ok(None);
        }
        Ok(all.zip(own).map(|(all, own)| versions(&all, &own)))
    }

    fn version(&self) -> String {
        u128::from_be_bytes(self.env.random()).to_string()
    }
}

fn versions(all: &str, own: &str) -> Versions {
    Versions(format!("{all} {own}\n"))
}

fn topic(name: &str) -> String {
    format!("{PREFIX}:topic:{name}")
}

fn content(item: &Item) -> String {
    format!("{PREFIX}:item:{}", item.name())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[async_trait]
impl PublicCache for RedisCache {
    async fn get(&self, item: &Item) -> Result<Found, PortError> {
        let topics = item.topics().map(topic);
        let mut call = redis::cmd("MGET");
        call.arg(&topics).arg(content(item));
        let (all, own, kept): Kept = self
            .redis
            .call(|mut connection| async move { call.query_async(&mut connection).await })
            .await?;
        if let (Some(all), Some(own), Some(kept)) = (all, own, kept) {
            let now = versions(&all, &own).0;
            if let Some(content) = kept.strip_prefix(now.as_bytes()) {
                return Ok(Found::Kept(content.to_vec()));
            }
        }
        Ok(Found::Missing(self.versions(&topics).await?))
    }

    async fn put(&self, item: &Item, read_under: &Versions, bytes: &[u8]) -> Result<(), PortError> {
        if bytes.len() > KEPT_BYTES {
            return Ok(());
        }
        let value = [read_under.0.as_bytes(), bytes].concat();
        let mut call = redis::cmd("SET");
        call.arg(content(item)).arg(value);
        call.arg("PX").arg(millis(KEPT_FOR));
        self.redis
            .call(|mut connection| async move { call.query_async(&mut connection).await })
            .await
    }

    async fn forget(&self, change: Change) -> Result<(), PortError> {
        let topics: Vec<String> = change.topics().iter().map(|name| topic(name)).collect();
        let mut call = redis::cmd("DEL");
        call.arg(topics);
        self.redis
            .call(|mut connection| async move { call.query_async(&mut connection).await })
            .await
    }
}
