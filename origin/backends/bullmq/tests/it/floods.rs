//! What one user's flood is to others, on real workers, the same by both queues.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sluicegate_bullmq::BullSettings;
use sluicegate_conformance::notes::measured;
use sluicegate_contract::ids::{AccountId, JobId};
use sluicegate_core::job::JobState;
use sluicegate_worker::Outcome;
use tokio_util::sync::CancellationToken;

use crate::support::{Running, TestJob, World, quick, redis_or_skip, until};

/// One user's, and more than are done in any test here.
const FLOOD: usize = 10_000;
/// How long a job takes: a detector, or a model.
const TAKES: Duration = Duration::from_millis(300);
const TRIES: usize = 5;
/// What a flood may cost another's job.
const DELAYED: Duration = Duration::from_secs(1);
/// What a worker of four places has for one owner, a second, at such jobs.
const LONE_MOST: f64 = 10.0;

type Begun = Arc<Mutex<HashMap<JobId, Instant>>>;

/// Takes its time, and notes when it began.
fn noting(begun: &Begun) -> Arc<TestJob> {
    let begun = begun.clone();
    TestJob::new(move |leased| {
        let mut begun = begun.lock().unwrap();
        begun.insert(leased.lease.job, Instant::now());
        async {
            tokio::time::sleep(TAKES).await;
            Ok(Outcome::Done)
        }
    })
}

/// While a flood of one owner is worked on, a single job of each other begins soon, and the flood has all places but those that
/// are kept for others.
async fn a_single_job_passes_a_flood(
    by: &str,
    world: &World,
    start: impl FnOnce(&Arc<TestJob>) -> Running,
) {
    let many = AccountId(world.env.new_id());
    world.flood(many, FLOOD).await;
    let begun = Begun::default();
    let job = noting(&begun);
    let running = start(&job);
    until("the flood flows", async || job.runs() >= 8).await;
    let singles = async || {
        let mut waits = Vec::new();
        for _ in 0..TRIES {
            let written = Instant::now();
            let single = world.add_and_wake().await;
            let in_work = async || begun.lock().unwrap().contains_key(&single);
            until("the single job begins", in_work).await;
            waits.push(begun.lock().unwrap()[&single] - written);
            world.until_state(single, JobState::Done).await;
        }
        waits.sort_unstable();
        waits
    };
    let mut waits = singles().await;
    // A machine that does other things may break the promise, but not twice.
    if waits[TRIES - 1] >= DELAYED {
        measured(&format!(
            "{by}: beside a flood, in a first series: {waits:?}"
        ));
        waits = singles().await;
    }
    let (before, since) = (job.runs(), Instant::now());
    until("the flood goes on", async || job.runs() >= before + 40).await;
    let rate = 40.0 / since.elapsed().as_secs_f64();
    assert!(job.runs() < FLOOD, "the flood was over");
    assert_eq!(job.most_runs(), 1, "what was held was no attempt");
    running.stop().await;

    measured(&format!(
        "{by}: beside {FLOOD} jobs of one owner, each of {TAKES:?}, another's single job began after {waits:?}; of the \
         {LONE_MOST} a second that one owner may have here, the flood had {rate:.1}"
    ));
    assert!(waits[TRIES - 1] < DELAYED, "{waits:?}");
    assert!(rate > LONE_MOST / 2.0, "a lone owner has {rate:.1}/s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_job_passes_a_flood_in_the_table() {
    let world = World::new().await;
    a_single_job_passes_a_flood("the table", &world, |job| world.run_table(job)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_job_passes_a_flood_in_redis() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let bull = redis.bull();
    a_single_job_passes_a_flood("Redis", &world, |job| world.run(&bull, job, quick())).await;
}

/// However long they take, one owner's jobs leave a place, and none of them is lost over it.
async fn long_jobs_leave_a_place(world: &World, start: impl FnOnce(&Arc<TestJob>) -> Running) {
    let many = AccountId(world.env.new_id());
    let go_on = CancellationToken::new();
    let waits = go_on.clone();
    let job = TestJob::new(move |leased| {
        let waits = waits.clone();
        async move {
            if leased.owner == many {
                waits.cancelled().await;
            }
            Ok(Outcome::Done)
        }
    });
    let mut flood = Vec::new();
    for _ in 0..8 {
        flood.push(world.add_of(many).await);
    }
    let running = start(&job);
    until("they have their share", async || job.runs() == 3).await;
    for others in 1..=5 {
        let single = world.add_and_wake().await;
        world.until_state(single, JobState::Done).await;
        assert_eq!(job.runs(), 3 + others, "three of the one, whoever comes");
    }
    go_on.cancel();
    world.until_all_done(&flood).await;
    assert_eq!(job.most_runs(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_jobs_leave_a_place_in_the_table() {
    let world = World::new().await;
    long_jobs_leave_a_place(&world, |job| world.run_table(job)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_jobs_leave_a_place_in_redis() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    let bull = redis.bull();
    long_jobs_leave_a_place(&world, |job| world.run(&bull, job, quick())).await;
}

/// Jobs that are held come when their owner's others have ended, not when somebody looks again.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_comes_when_one_has_ended() {
    const JOBS: usize = 200;
    let redis = redis_or_skip!();
    let world = World::new().await;
    world.flood(AccountId(world.env.new_id()), JOBS).await;
    let job = TestJob::new(|_| async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(Outcome::Done)
    });
    let mut settings = quick();
    settings.share_pause = Duration::from_hours(1);
    // All of them wait there.
    settings.ahead.least = 16;
    let running = world.run(&redis.bull(), &job, settings);
    until("all ran", async || job.runs() == JOBS).await;
    running.stop().await;
    assert_eq!(job.most_runs(), 1);
}

/// What one worker has no place for, another has.
#[tokio::test(flavor = "multi_thread")]
async fn two_workers_have_two_shares() {
    let redis = redis_or_skip!();
    let world = World::new().await;
    world.flood(AccountId(world.env.new_id()), 1_000).await;
    let job = noting(&Begun::default());
    let running = ["one", "other"].map(|worker| {
        let settings = BullSettings {
            worker: worker.to_owned(),
            ..quick()
        };
        world.run(&redis.bull(), &job, settings)
    });
    until("the flood flows", async || job.runs() >= 20).await;
    let (before, since) = (job.runs(), Instant::now());
    until("it goes on", async || job.runs() >= before + 80).await;
    let rate = 80.0 / since.elapsed().as_secs_f64();
    measured(&format!(
        "Redis: two workers of four places each did {rate:.1} jobs of {TAKES:?} a second for one owner, of {:.1}",
        2.0 * LONE_MOST
    ));
    assert!(rate > LONE_MOST, "{rate:.1}/s by two, no more than by one");
    for running in running {
        running.stop().await;
    }
}

/// Jobs that take no time: what it costs that few are handed over at once, and that some are held.
#[tokio::test(flavor = "multi_thread")]
async fn fast_jobs_of_one_owner_flow() {
    const JOBS: usize = 1_000;
    let redis = redis_or_skip!();
    let mut took = Vec::new();
    for by_redis in [false, true] {
        let world = World::new().await;
        world.flood(AccountId(world.env.new_id()), JOBS).await;
        let job = TestJob::done();
        let since = Instant::now();
        let running = if by_redis {
            world.run(&redis.bull(), &job, quick())
        } else {
            world.run_table(&job)
        };
        until("all ran", async || job.runs() == JOBS).await;
        took.push(since.elapsed());
        running.stop().await;
        assert_eq!(job.most_runs(), 1);
    }
    measured(&format!(
        "{JOBS} jobs of one owner that take no time, four places: the table {:?}, Redis {:?}",
        took[0], took[1]
    ));
    assert!(took[1] < Duration::from_secs(30), "{took:?}");
}
