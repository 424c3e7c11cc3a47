use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::{FromRedisValue, Value};
use sluicegate_contract::ids::AccountId;
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{Found, PublicCache, Versions};
use sluicegate_core::public::{Change, Item, KEPT_BYTES, KEPT_FOR, SHARES, accounts, share};

use crate::shared::Shared;

/// Of all our keys here. In a cluster they are on one node by it, so that versions and content are read in one step.
const PREFIX: &str = "{sluicegate:public}";
/// How long a version holds at most: nothing has to remember it for longer than what was read under it.
const VERSION_LIFE: Duration = Duration::from_hours(1);

/// The versions of an item's topics, in the order of [`topics`]: nothing where there is none.
type Words = Vec<Option<String>>;

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

    /// The versions by now, made where there is none; nothing while that of its own topic is too young.
    async fn versions(
        &self,
        item: &Item,
        topics: &[String],
        known: &Words,
    ) -> Result<Option<Versions>, PortError> {
        let life = millis(VERSION_LIFE);
        let mut calls = redis::pipe();
        for (topic, word) in topics.iter().zip(known) {
            if word.is_none() {
                let set = calls.cmd("SET").arg(topic).arg(self.word());
                set.arg("NX").arg("PX").arg(life).ignore();
            }
        }
        calls.cmd("MGET").arg(topics);
        // How old they are is of interest only where something has to settle.
        let aged = if self.settles.is_zero() { &[] } else { topics };
        for topic in aged {
            calls.cmd("PTTL").arg(topic);
        }
        let mut told: Vec<Value> = self
            .redis
            .call(|mut connection| async move { calls.query_async(&mut connection).await })
            .await?;
        if told.is_empty() {
            return Ok(None);
        }
        let left = told.split_off(1);
        let words = told.into_iter().next().map(Words::from_redis_value);
        let mut words = words.and_then(Result::ok).unwrap_or_default();
        let mut left = left.into_iter();
        for word in &mut words {
            let age = match left.next() {
                Some(left) => life - i64::from_redis_value(left).unwrap_or(life),
                None => 0,
            };
            if word.is_none() || age < millis(self.settles) {
                // It is made another one by the next change all the same: who reads after that joins nobody who reads now.
                let word_of_now = word.take().unwrap_or_else(|| self.word());
                *word = Some(format!("{UNUSABLE}{word_of_now}"));
            }
        }
        Ok(Versions::from_words(item, &words))
    }

    /// A version: another one each time.
    fn word(&self) -> String {
        format!("{:016x}", u64::from_be_bytes(self.env.random()))
    }
}

/// Begins the word of a topic under which nothing can be kept now: it is too young, or was evicted.
const UNUSABLE: &str = "-";

/// Versions as one text: that of the item's own topic, if it has one, and those of all accounts, if it is of one. Content begins
/// with a line of those that it hangs on.
trait Text: Sized {
    fn from_words(item: &Item, words: &Words) -> Option<Self>;
    fn line(&self, item: &Item, share: Option<u8>) -> Option<String>;
}

impl Text for Versions {
    /// `None` without that of its own topic.
    fn from_words(item: &Item, words: &Words) -> Option<Self> {
        let words: Vec<&str> = words
            .iter()
            .map(|word| word.as_deref().unwrap_or(UNUSABLE))
            .collect();
        let own = item.topic().map(|_| words.first().copied());
        let may = own.is_none_or(|own| own.is_some_and(is_usable));
        may.then(|| Self(words.join(" ")))
    }

    /// Of something that is of an account of this share.
    fn line(&self, item: &Item, share: Option<u8>) -> Option<String> {
        let mut words = self.0.split(' ');
        let own = match item.topic() {
            Some(_) => words.next().filter(|word| is_usable(word))?,
            None => "",
        };
        let Some(share) = share else {
            return Some(format!("{own}\n"));
        };
        let word = words.nth(usize::from(share));
        let word = word.filter(|word| is_usable(word))?;
        Some(format!("{share} {word} {own}\n"))
    }
}

fn is_usable(word: &str) -> bool {
    !word.starts_with(UNUSABLE)
}

/// Which share such a line is of.
fn share_of(line: &[u8]) -> Option<u8> {
    let line = std::str::from_utf8(line).ok()?;
    line.split(' ').next()?.parse().ok()
}

/// Its own, and those of all accounts where it is of one.
fn topics(item: &Item) -> Vec<String> {
    let shares = if item.is_owned() { SHARES } else { 0 };
    let own = item.topic().map(topic);
    let accounts = (0..shares).map(|share| topic(&accounts(share)));
    own.into_iter().chain(accounts).collect()
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
        let topics = topics(item);
        let mut call = redis::cmd("MGET");
        call.arg(content(item)).arg(&topics);
        let (kept, words): (Option<Vec<u8>>, Words) = self
            .redis
            .call(|mut connection| async move {
                let mut told: Vec<Value> = call.query_async(&mut connection).await?;
                let words = told.split_off(told.len().min(1)).into_iter();
                let words = words.map(Option::<String>::from_redis_value);
                let kept = told.into_iter().next().unwrap_or(Value::Nil);
                let kept = Option::<Vec<u8>>::from_redis_value(kept)?;
                Ok((kept, words.collect::<Result<Words, _>>()?))
            })
            .await?;
        if let (Some(now), Some(kept)) = (Versions::from_words(item, &words), kept) {
            let line = kept.split(|&byte| byte == b'\n').next().unwrap_or_default();
            let share = item.is_owned().then(|| share_of(line));
            // What is owned, and does not say by whom, is none of ours.
            let line = match share {
                Some(None) => None,
                Some(share) => now.line(item, share),
                None => now.line(item, None),
            };
            if let Some(content) = line.and_then(|line| kept.strip_prefix(line.as_bytes())) {
                return Ok(Found::Kept(content.to_vec()));
            }
        }
        Ok(Found::Missing(self.versions(item, &topics, &words).await?))
    }

    async fn put(
        &self,
        item: &Item,
        read_under: &Versions,
        owner: Option<AccountId>,
        bytes: &[u8],
    ) -> Result<(), PortError> {
        let share = owner.filter(|_| item.is_owned()).map(share);
        if bytes.len() > KEPT_BYTES || (item.is_owned() && share.is_none()) {
            return Ok(());
        }
        let Some(line) = read_under.line(item, share) else {
            return Ok(());
        };
        let value = [line.as_bytes(), bytes].concat();
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
