//! People who write posts and send pictures until they are told to stop, what they were told, and how long it took.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sluicegate_conformance::notes::measured;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::{Moderation, Upload};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::{Answer, Client};
use crate::fixtures;
use crate::wait::wait_for;

/// Until something happens to everybody.
const LIMIT: Duration = Duration::from_mins(2);
/// Jobs that failed meanwhile wait for longer each time.
const SETTLE_LIMIT: Duration = Duration::from_mins(3);
/// How long after a fault posts may take longer than before it.
const NORMAL_AGAIN: Duration = Duration::from_secs(30);
/// So many posts tell how long posts take.
const SEVERAL: usize = 16;

/// What everybody does, over and over.
#[derive(Clone, Copy)]
pub struct Habit {
    /// Before how many posts a picture is sent.
    pub posts_a_picture: u64,
    /// Between a post and what comes next.
    pub pause: Duration,
}

/// People who are at it.
pub struct Load {
    told: Arc<Told>,
    people: Vec<Arc<Counts>>,
    working: Vec<JoinHandle<Result<Ledger>>>,
    stop: CancellationToken,
}

/// What all of them together were told.
#[derive(Default)]
struct Told {
    /// How long the posts took that were taken, in their order.
    times: Mutex<Vec<Duration>>,
    /// Answers that nobody should be given.
    wrong: Mutex<Vec<String>>,
}

/// Answers to one of them.
#[derive(Default)]
struct Counts {
    done: AtomicU64,
    refused: AtomicU64,
}

/// Everything that one of them was told is there.
struct Ledger {
    client: Client,
    uploads: Vec<UploadId>,
    posts: Vec<String>,
}

/// What all of them were told is there.
pub struct Taken {
    /// Pictures.
    pub uploads: usize,
    /// Posts.
    pub posts: usize,
}

impl Load {
    /// They begin. Each answer must be 201, or 503 with a time to come back.
    pub fn begin(clients: impl IntoIterator<Item = Client>, habit: Habit) -> Self {
        let mut load = Self {
            told: Arc::default(),
            people: Vec::new(),
            working: Vec::new(),
            stop: CancellationToken::new(),
        };
        for (client, number) in clients.into_iter().zip(0..) {
            let counts = Arc::<Counts>::default();
            let person = Person {
                number,
                habit,
                told: Arc::clone(&load.told),
                counts: Arc::clone(&counts),
                ledger: Ledger {
                    client,
                    uploads: Vec::new(),
                    posts: Vec::new(),
                },
            };
            let stop = load.stop.clone();
            load.working.push(tokio::spawn(person.work(stop)));
            load.people.push(counts);
        }
        load
    }

    /// Waits until something was taken of each of them more than once from now on.
    pub async fn each_is_answered(&self, when: &str) -> Result<()> {
        self.each(when, |counts| &counts.done).await
    }

    /// Waits until each of them was refused more than once from now on.
    pub async fn each_is_refused(&self, when: &str) -> Result<()> {
        self.each(when, |counts| &counts.refused).await
    }

    /// How often anybody was refused so far.
    pub fn refused(&self) -> u64 {
        let refused = self.people.iter().map(|counts| &counts.refused);
        refused.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// How long posts take now, by several of them.
    pub async fn times(&self) -> Result<Times> {
        self.times_since();
        let times = wait_for("posts to be written", LIMIT, async || {
            self.is_well()?;
            Ok(self.last_times())
        })
        .await?;
        self.times_since();
        Ok(times)
    }

    /// How long posts took since anything of that was last asked for.
    pub fn times_since(&self) -> Times {
        Times::of(&std::mem::take(&mut *lock(&self.told.times)))
    }

    /// Waits until posts take as long again as `before` (the last times that were asked for) the fault that is over since
    /// then, and notes how it was felt.
    pub async fn is_normal_again(&self, fault: &str, before: &Times, since: Instant) -> Result<()> {
        let meanwhile = match self.times_since() {
            times if times.sorted.is_empty() => String::new(),
            times => format!(", {times} meanwhile"),
        };
        let after = wait_for(
            format!("posts to take as long as before: {fault}"),
            NORMAL_AGAIN.saturating_sub(since.elapsed()),
            async || {
                self.is_well()?;
                let last = self.last_times();
                Ok(last.filter(|last| last.is_like(before)))
            },
        )
        .await?;
        measured(&format!(
            "{fault}: posts took {before} before{meanwhile}, and {:.1} s after it {after}",
            since.elapsed().as_secs_f64()
        ));
        Ok(())
    }

    /// They stop. Everything that they were told is there must be, and gets its verdict.
    pub async fn end(self) -> Result<Taken> {
        self.stop.cancel();
        let mut taken = Taken {
            uploads: 0,
            posts: 0,
        };
        for task in self.working {
            let ledger = task.await??;
            taken.uploads += ledger.uploads.len();
            taken.posts += ledger.posts.len();
            ledger.all_is_there().await?;
        }
        let wrong = lock(&self.told.wrong);
        ensure!(wrong.is_empty(), "{wrong:?}");
        Ok(taken)
    }

    async fn each(&self, when: &str, count: impl Fn(&Counts) -> &AtomicU64) -> Result<()> {
        let numbers = || {
            let counts = self.people.iter();
            counts.map(|counts| count(counts).load(Ordering::Relaxed))
        };
        let before: Vec<_> = numbers().collect();
        wait_for(format!("each client to be {when}"), LIMIT, async || {
            self.is_well()?;
            let more = numbers().zip(&before).all(|(now, before)| now > before + 1);
            Ok(more.then_some(()))
        })
        .await
    }

    fn is_well(&self) -> Result<()> {
        let wrong = lock(&self.told.wrong);
        ensure!(wrong.is_empty(), "{wrong:?}");
        let ended = self.working.iter().any(JoinHandle::is_finished);
        ensure!(!ended, "somebody got no answer, and stopped");
        Ok(())
    }

    fn last_times(&self) -> Option<Times> {
        let times = lock(&self.told.times);
        let first = times.len().checked_sub(SEVERAL)?;
        times.get(first..).map(Times::of)
    }
}

/// One of them.
struct Person {
    number: u64,
    habit: Habit,
    told: Arc<Told>,
    counts: Arc<Counts>,
    ledger: Ledger,
}

impl Person {
    async fn work(mut self, stop: CancellationToken) -> Result<Ledger> {
        for turn in 0_u64.. {
            if turn.is_multiple_of(self.habit.posts_a_picture) {
                self.send_a_picture(turn).await?;
            }
            self.write(turn).await?;
            let pause = tokio::time::sleep(self.habit.pause);
            if stop.run_until_cancelled(pause).await.is_none() {
                break;
            }
        }
        Ok(self.ledger)
    }

    async fn send_a_picture(&mut self, turn: u64) -> Result<()> {
        // Nobody sends what anybody has sent.
        let picture = fixtures::noise(turn * 64 + 2 * self.number, false)?;
        let answer = self.ledger.client.upload("post_header", picture).await?;
        if self.is_done(&answer) {
            self.ledger.uploads.push(answer.json::<Upload>()?.id);
        }
        Ok(())
    }

    async fn write(&mut self, turn: u64) -> Result<()> {
        let text = format!("The lamp of {} was lit {turn} times.", self.number);
        let since = Instant::now();
        let answer = self.ledger.client.post(&text, None).await?;
        if self.is_done(&answer) {
            lock(&self.told.times).push(since.elapsed());
            let post: Post = answer.json()?;
            self.ledger.posts.push(format!("/v1/posts/{}", post.id));
        }
        Ok(())
    }

    fn is_done(&self, answer: &Answer) -> bool {
        if answer.status == 201 {
            self.counts.done.fetch_add(1, Ordering::Relaxed);
            return true;
        }
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
    async fn all_is_there(&self) -> Result<()> {
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

/// How long posts took.
pub struct Times {
    sorted: Vec<Duration>,
}

impl Times {
    fn of(times: &[Duration]) -> Self {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        Self { sorted }
    }

    /// Half of them took no longer.
    pub fn median(&self) -> Duration {
        let middle = self.sorted.get(self.sorted.len() / 2);
        middle.copied().unwrap_or_default()
    }

    /// None took longer.
    pub fn slowest(&self) -> Duration {
        self.sorted.last().copied().unwrap_or_default()
    }

    /// Whether posts take about as long as those, on a machine that others use, too.
    pub fn is_like(&self, others: &Self) -> bool {
        self.median() <= 2 * others.median() + Duration::from_millis(200)
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (median, slowest) = (self.median().as_millis(), self.slowest().as_millis());
        let count = self.sorted.len();
        write!(f, "{median} ms (slowest of {count}: {slowest})")
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
