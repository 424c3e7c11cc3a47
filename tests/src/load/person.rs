//! One of those who are at it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::{Moderation, Upload};
use tokio_util::sync::CancellationToken;

use super::{Habit, Told, lock};
use crate::client::{Answer, Client};
use crate::fixtures;
use crate::wait::wait_for;

/// An account may send 200 pictures a day, which a fast machine would reach within a test.
const BETWEEN_PICTURES: Duration = Duration::from_millis(500);
/// Jobs that failed meanwhile wait for longer each time.
const SETTLE_LIMIT: Duration = Duration::from_mins(3);
/// So many are remembered.
const FIRST_REFUSALS: usize = 10;
/// A replica that is further behind is not asked.
const OLD: Duration = Duration::from_secs(10);

/// Answers to one of them.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) posts: AtomicU64,
    pub(super) pictures: AtomicU64,
    pub(super) reads: AtomicU64,
    pub(super) refused: AtomicU64,
}

/// Everything that one of them was told is there.
pub(super) struct Ledger {
    client: Client,
    pub(super) uploads: Vec<UploadId>,
    pub(super) posts: Vec<String>,
}

pub(super) struct Person {
    number: u64,
    habit: Habit,
    told: Arc<Told>,
    counts: Arc<Counts>,
    ledger: Ledger,
    /// Posts that others have not looked at, and when they were written.
    unread: VecDeque<(String, Instant)>,
}

impl Person {
    pub(super) fn new(
        number: u64,
        client: Client,
        habit: Habit,
        told: Arc<Told>,
        counts: Arc<Counts>,
    ) -> Self {
        let ledger = Ledger {
            client,
            uploads: Vec::new(),
            posts: Vec::new(),
        };
        Self {
            number,
            habit,
            told,
            counts,
            ledger,
            unread: VecDeque::new(),
        }
    }

    pub(super) async fn work(mut self, stop: CancellationToken) -> Result<Ledger> {
        let mut sent = None;
        for turn in 0_u64.. {
            let is_due = sent.is_none_or(|sent: Instant| sent.elapsed() > BETWEEN_PICTURES);
            if is_due && turn.is_multiple_of(self.habit.posts_a_picture) {
                sent = Some(Instant::now());
                self.send_a_picture(turn).await?;
            }
            self.write(turn).await?;
            self.read().await?;
            let pause = tokio::time::sleep(self.habit.pause);
            if stop.run_until_cancelled(pause).await.is_none() {
                break;
            }
        }
        Ok(self.ledger)
    }

    async fn send_a_picture(&mut self, turn: u64) -> Result<()> {
        // Nobody sends what anybody has sent.
        let picture = fixtures::noise(turn * 64 + self.number, false)?;
        let since = Instant::now();
        let answer = self.ledger.client.upload("post_header", picture).await?;
        if self.is(201, &answer, "a picture", since) {
            lock(&self.told.times).add_picture(since.elapsed());
            self.counts.pictures.fetch_add(1, Ordering::Relaxed);
            self.ledger.uploads.push(answer.json::<Upload>()?.id);
        }
        Ok(())
    }

    async fn write(&mut self, turn: u64) -> Result<()> {
        let text = format!("The lamp of {} was lit {turn} times.", self.number);
        let since = Instant::now();
        let answer = self.ledger.client.post(&text, None).await?;
        if self.is(201, &answer, "a post", since) {
            lock(&self.told.times).add_post(since.elapsed());
            self.counts.posts.fetch_add(1, Ordering::Relaxed);
            let post: Post = answer.json()?;
            let path = format!("/v1/posts/{}", post.id);
            self.ledger.posts.push(path.clone());
            self.unread.push_back((path, Instant::now()));
        }
        Ok(())
    }

    /// Its newest post, and as somebody without a name one that was written a while ago, which nobody has kept.
    async fn read(&mut self) -> Result<()> {
        if let Some(newest) = self.ledger.posts.last() {
            let since = Instant::now();
            let answer = self.ledger.client.get(newest).await?;
            self.is_read(&answer, "the newest", since);
        }
        let is_old = |(_, written): &mut (String, Instant)| written.elapsed() > OLD;
        if let Some((path, _)) = self.unread.pop_front_if(is_old) {
            let since = Instant::now();
            let answer = self.ledger.client.with_token(None).get(&path).await?;
            self.is_read(&answer, "as a stranger", since);
        }
        Ok(())
    }

    fn is_read(&self, answer: &Answer, what: &str, since: Instant) {
        if self.is(200, answer, what, since) {
            self.counts.reads.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was asked for; else it must be 503 with a time to come back.
    fn is(&self, status: u16, answer: &Answer, what: &str, since: Instant) -> bool {
        if answer.status == status {
            return true;
        }
        let mut refusals = lock(&self.told.refusals);
        if refusals.len() < FIRST_REFUSALS {
            let (took, said) = (since.elapsed(), answer.text());
            refusals.push(format!(
                "{what}, after {took:.1?}: {}: {said}",
                answer.status
            ));
        }
        drop(refusals);
        let refused = answer.expect_problem(503, "unavailable");
        let seconds = answer.header("retry-after").parse::<u64>();
        if refused.is_err() || !seconds.is_ok_and(|seconds| seconds > 0) {
            let text = format!("{}: {}", answer.status, answer.text());
            lock(&self.told.wrong).push(text);
        }
        self.counts.refused.fetch_add(1, Ordering::Relaxed);
        false
    }
}

impl Ledger {
    pub(super) async fn all_is_there(&self) -> Result<()> {
        for id in &self.uploads {
            let what = format!("a verdict on upload {id}");
            let upload = wait_for(what, SETTLE_LIMIT, async || {
                let upload = self.client.upload_state(*id).await?;
                Ok((upload.moderation != Moderation::Unreviewed).then_some(upload))
            })
            .await?;
            ensure!(upload.moderation == Moderation::Passed, "{upload:?}");
            self.client.get(&upload.url).await?.expect_status(200)?;
        }
        for path in &self.posts {
            wait_for(format!("a verdict on {path}"), SETTLE_LIMIT, async || {
                let post: Post = self.client.get(path).await?.expect(200)?;
                Ok((post.moderation == Moderation::Passed).then_some(()))
            })
            .await?;
        }
        Ok(())
    }
}
