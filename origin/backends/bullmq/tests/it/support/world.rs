use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sluicegate_bullmq::{Bull, BullSettings, Reconciler, Relay, Workers};
use sluicegate_conformance::stores::{new_account, new_session};
use sluicegate_conformance::testdb::TestDatabase;
use sluicegate_contract::ids::{AccountId, JobId};
use sluicegate_core::env::Env;
use sluicegate_core::fair::Priority;
use sluicegate_core::job::{
    IMAGE_JOB, IMAGE_QUEUE, JobState, JobView, NewJob, POST_JOB, POST_QUEUE,
};
use sluicegate_core::ports::{Hands, JobQueue, JobRelay};
use sluicegate_core::wake::{Wake, Waker};
use sluicegate_local::system_env;
use sluicegate_worker::{QueueSettings, Registry, Runner, RunnerSettings};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::jobs::{Counted, TestJob};
use super::until;

const WRITERS: usize = 8;

/// Settings with short times: lost workers are found in a second or two.
pub(crate) fn quick() -> BullSettings {
    BullSettings {
        lease: Duration::from_secs(2),
        lock: Duration::from_secs(2),
        stalled_interval: Duration::from_millis(500),
        check_after: Duration::from_secs(1),
        poll_min: Duration::from_millis(50),
        drain: Duration::from_secs(5),
        ..BullSettings::new("test")
    }
}

/// The job of a queue whose jobs are the original's.
pub(crate) fn name_in(queue: &str) -> &'static str {
    if queue == IMAGE_QUEUE {
        IMAGE_JOB
    } else {
        POST_JOB
    }
}

/// A database of its own.
pub(crate) struct World {
    pub(crate) queue: Arc<dyn JobQueue>,
    pub(crate) rows: Arc<dyn JobRelay>,
    pub(crate) env: Env,
    pub(crate) waker: Waker,
    database: TestDatabase,
}

/// What works until it is stopped.
pub(crate) struct Running {
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

impl Running {
    fn new() -> Self {
        Self {
            shutdown: CancellationToken::new(),
            tasks: JoinSet::new(),
        }
    }

    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(30), ended)
            .await
            .expect("it stops");
    }

    pub(crate) fn add(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::new().await;
        Self {
            queue: database.database().jobs(),
            rows: database.database().relay(),
            env: system_env(),
            waker: Waker::new(),
            database,
        }
    }

    /// An account that exists.
    pub(crate) async fn account(&self) -> AccountId {
        let account = new_account();
        let session = new_session(account.id);
        let accounts = self.database.database().accounts();
        accounts.create(&account, &session).await.unwrap();
        account.id
    }

    /// A job that could run now.
    pub(crate) async fn add(&self) -> JobId {
        self.add_with(3, Duration::ZERO).await
    }

    /// One of somebody's.
    pub(crate) async fn add_of(&self, owner: AccountId) -> JobId {
        self.write(&self.job(POST_QUEUE, owner)).await
    }

    pub(crate) async fn add_with(&self, max_attempts: u32, later: Duration) -> JobId {
        let mut job = self.job(POST_QUEUE, AccountId(self.env.new_id()));
        job.max_attempts = max_attempts;
        job.run_at = job.run_at.plus(later);
        self.write(&job).await
    }

    /// One of either queue whose jobs are the original's.
    pub(crate) async fn add_to(&self, queue: &'static str) -> JobId {
        let job = self.job(queue, AccountId(self.env.new_id()));
        self.write(&job).await
    }

    /// One that goes before all others.
    pub(crate) async fn add_urgent(&self) -> JobId {
        let mut job = self.job(POST_QUEUE, AccountId(self.env.new_id()));
        job.priority = Priority::Urgent;
        self.write(&job).await
    }

    /// What the original's jobs say.
    pub(crate) fn payload(&self, queue: &str, owner: AccountId) -> Value {
        let id = self.env.new_id();
        if queue == IMAGE_QUEUE {
            json!({ "key": format!("{id}.webp"), "uploadType": "header_image", "userId": owner })
        } else {
            json!({ "postId": id, "userId": owner })
        }
    }

    /// One that could run now.
    fn job(&self, queue: &'static str, owner: AccountId) -> NewJob {
        let now = self.env.now();
        NewJob {
            id: JobId(self.env.new_id()),
            queue,
            name: name_in(queue),
            payload: self.payload(queue, owner),
            owner,
            priority: Priority::Normal,
            dedup_key: None,
            run_at: now,
            max_attempts: 3,
            traceparent: None,
            created_at: now,
        }
    }

    async fn write(&self, job: &NewJob) -> JobId {
        self.queue.add(job).await.unwrap();
        job.id
    }

    pub(crate) async fn add_many(&self, number: usize) -> Vec<JobId> {
        let mut jobs = Vec::new();
        for _ in 0..number {
            jobs.push(self.add().await);
        }
        jobs
    }

    /// So many of one owner's, by several writers.
    pub(crate) async fn flood(&self, owner: AccountId, number: usize) {
        let writers = (0..WRITERS).map(async |writer| {
            for _ in (writer..number).step_by(WRITERS) {
                self.add_of(owner).await;
            }
        });
        join_all(writers).await;
    }

    /// Adds one of nobody else's, and tells of it as a store does.
    pub(crate) async fn add_and_wake(&self) -> JobId {
        let id = self.add().await;
        self.waker.wake(Wake::Jobs(POST_QUEUE));
        id
    }

    pub(crate) fn relay(&self, bull: &Arc<Bull>, settings: BullSettings) -> Relay {
        let (rows, env, waker) = (self.rows.clone(), self.env.clone(), self.waker.clone());
        Relay::new(bull.clone(), rows, env, waker, settings)
    }

    pub(crate) fn hands(&self, job: &Arc<TestJob>, settings: &BullSettings) -> Arc<dyn Hands> {
        self.runner(job, settings).hands()
    }

    fn runner(&self, job: &Arc<TestJob>, settings: &BullSettings) -> Runner {
        let registry = Registry::new(vec![Arc::new(Counted(job.clone()))]);
        let mut how = RunnerSettings::new(settings.worker.clone());
        how.lease = settings.lease;
        how.queues = vec![QueueSettings {
            queue: job.queue(),
            concurrency: 4,
        }];
        let (queue, env, waker) = (self.queue.clone(), self.env.clone(), self.waker.clone());
        Runner::new(queue, registry, env, waker, how)
    }

    pub(crate) fn reconciler(
        &self,
        bull: &Arc<Bull>,
        job: &Arc<TestJob>,
        settings: BullSettings,
    ) -> Reconciler {
        let hands = self.hands(job, &settings);
        Reconciler::new(
            bull.clone(),
            self.rows.clone(),
            hands,
            self.env.clone(),
            settings,
        )
    }

    pub(crate) fn workers(
        &self,
        bull: &Arc<Bull>,
        hands: Arc<dyn Hands>,
        settings: BullSettings,
    ) -> Workers {
        Workers::new(
            bull.clone(),
            self.rows.clone(),
            hands,
            self.env.clone(),
            settings,
        )
    }

    /// Workers alone.
    pub(crate) fn work(
        &self,
        bull: &Arc<Bull>,
        job: &Arc<TestJob>,
        settings: BullSettings,
    ) -> Running {
        let hands = self.hands(job, &settings);
        self.work_on(job.queue(), bull, hands, settings)
    }

    pub(crate) fn work_with(
        &self,
        bull: &Arc<Bull>,
        hands: Arc<dyn Hands>,
        settings: BullSettings,
    ) -> Running {
        self.work_on(POST_QUEUE, bull, hands, settings)
    }

    fn work_on(
        &self,
        queue: &'static str,
        bull: &Arc<Bull>,
        hands: Arc<dyn Hands>,
        settings: BullSettings,
    ) -> Running {
        let mut running = Running::new();
        let (workers, shutdown) = (
            self.workers(bull, hands, settings),
            running.shutdown.clone(),
        );
        running.add(async move { workers.run(&[(queue, 4)], shutdown).await });
        running
    }

    /// A worker by the table.
    pub(crate) fn run_table(&self, job: &Arc<TestJob>) -> Running {
        let mut running = Running::new();
        let (runner, shutdown) = (self.runner(job, &quick()), running.shutdown.clone());
        running.add(runner.run(shutdown));
        running
    }

    /// Relay, workers and reconciler, as an origin has them.
    pub(crate) fn run(
        &self,
        bull: &Arc<Bull>,
        job: &Arc<TestJob>,
        settings: BullSettings,
    ) -> Running {
        let mut running = self.work(bull, job, settings.clone());
        let (relay, shutdown) = (self.relay(bull, settings.clone()), running.shutdown.clone());
        let queue = job.queue();
        running.add(async move { relay.run(&[queue], shutdown).await });
        let reconciler = self.reconciler(bull, job, settings);
        let shutdown = running.shutdown.clone();
        running.add(async move { reconciler.run(&[queue], shutdown).await });
        running
    }

    pub(crate) async fn view(&self, job: JobId) -> JobView {
        self.queue.job(job).await.unwrap().unwrap()
    }

    pub(crate) async fn until_state(&self, job: JobId, state: JobState) -> JobView {
        let so = async || self.view(job).await.state == state;
        until(&format!("{job} is {state:?}"), so).await;
        self.view(job).await
    }

    pub(crate) async fn until_all_done(&self, jobs: &[JobId]) {
        for job in jobs {
            self.until_state(*job, JobState::Done).await;
        }
    }
}
