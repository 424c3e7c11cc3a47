//! People who write posts, send pictures and read until they are told to stop, what they were told, and how long it took.

mod person;
mod times;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sluicegate_conformance::notes::measured;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::wait::wait_for;

use person::{Counts, Ledger, Person};
pub use times::Times;

/// Until something happens to everybody.
const LIMIT: Duration = Duration::from_mins(2);
/// How long after a fault posts and pictures may take longer than before it.
const NORMAL_AGAIN: Duration = Duration::from_secs(30);

/// What everybody does, over and over.
#[derive(Clone, Copy)]
pub struct Habit {
    /// Before how many posts a picture is sent, but no more often than each half second.
    pub posts_a_picture: u64,
    /// Between a post, which is read then, and what comes next.
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
    /// How long it took what was taken, in its order.
    times: Mutex<Times>,
    /// The first refusals.
    refusals: Mutex<Vec<String>>,
    /// Answers that nobody should be given.
    wrong: Mutex<Vec<String>>,
}

/// What all of them were told is there.
pub struct Taken {
    /// Pictures.
    pub uploads: usize,
    /// Posts.
    pub posts: usize,
}

impl Load {
    /// They begin. Each answer must be 201, for what is read 200, or 503 with a time to come back.
    pub fn begin(clients: impl IntoIterator<Item = Client>, habit: Habit) -> Self {
        let mut load = Self {
            told: Arc::default(),
            people: Vec::new(),
            working: Vec::new(),
            stop: CancellationToken::new(),
        };
        for (client, number) in clients.into_iter().zip(0..) {
            let counts = Arc::<Counts>::default();
            let told = Arc::clone(&load.told);
            let person = Person::new(number, client, habit, told, Arc::clone(&counts));
            let stop = load.stop.clone();
            load.working.push(tokio::spawn(person.work(stop)));
            load.people.push(counts);
        }
        load
    }

    /// Waits until from now on more than one picture and more than one post of each of them were taken, and something was read.
    pub async fn each_is_answered(&self, when: &str) -> Result<()> {
        let counts: [fn(&Counts) -> &AtomicU64; 3] = [
            |counts| &counts.pictures,
            |counts| &counts.posts,
            |counts| &counts.reads,
        ];
        self.each(when, &counts).await
    }

    /// Waits until each of them was refused more than once from now on.
    pub async fn each_is_refused(&self, when: &str) -> Result<()> {
        self.each(when, &[|counts| &counts.refused]).await
    }

    /// How often anybody was refused so far.
    pub fn refused(&self) -> u64 {
        self.sum(|counts| &counts.refused)
    }

    /// The first of these refusals: of what, how soon, and how.
    pub fn refusals(&self) -> Vec<String> {
        lock(&self.told.refusals).clone()
    }

    /// How many posts anybody has read so far.
    pub fn reads(&self) -> u64 {
        self.sum(|counts| &counts.reads)
    }

    /// How long posts and pictures take now, by several of them.
    pub async fn times(&self) -> Result<Times> {
        self.times_since();
        let what = "posts to be written and pictures to be taken";
        let times = wait_for(what, LIMIT, async || {
            self.is_well()?;
            Ok(lock(&self.told.times).last())
        })
        .await?;
        self.times_since();
        Ok(times)
    }

    /// How long they took since anything of that was last asked for.
    pub fn times_since(&self) -> Times {
        std::mem::take(&mut *lock(&self.told.times))
    }

    /// Waits until posts and pictures take as long again as `before` (the last times that were asked for) the fault that is
    /// over since then, and notes how it was felt.
    pub async fn is_normal_again(&self, fault: &str, before: &Times, since: Instant) -> Result<()> {
        let meanwhile = match self.times_since() {
            times if times.is_empty() => String::new(),
            times => format!(", meanwhile {times}"),
        };
        let after = wait_for(
            format!("posts and pictures to take as long as before: {fault}"),
            NORMAL_AGAIN.saturating_sub(since.elapsed()),
            async || {
                self.is_well()?;
                let last = lock(&self.told.times).last();
                Ok(last.filter(|last| last.is_like(before)))
            },
        )
        .await?;
        measured(&format!(
            "{fault}: before {before}{meanwhile}; {:.1} s after it {after}",
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

    fn sum(&self, count: fn(&Counts) -> &AtomicU64) -> u64 {
        let counts = self.people.iter();
        counts
            .map(|counts| count(counts).load(Ordering::Relaxed))
            .sum()
    }

    async fn each(&self, when: &str, counts: &[fn(&Counts) -> &AtomicU64]) -> Result<()> {
        let numbers = || -> Vec<u64> {
            let people = self.people.iter();
            people
                .flat_map(|person| counts.iter().map(|count| count(person)))
                .map(|count| count.load(Ordering::Relaxed))
                .collect()
        };
        let before = numbers();
        wait_for(format!("each client to be {when}"), LIMIT, async || {
            self.is_well()?;
            let now = numbers();
            let more = now
                .iter()
                .zip(&before)
                .all(|(now, before)| *now > before + 1);
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
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
