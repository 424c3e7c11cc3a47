#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use sluicegate_conformance::testdb::TestDatabase;
use sluicegate_contract::ids::{AccountId, JobId, PostId, SessionId, UploadId};
use sluicegate_contract::limits::DELETION_GRACE;
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::account::NewAccount;
use sluicegate_core::answer::{RequestName, StoredAnswer};
use sluicegate_core::env::Env;
use sluicegate_core::erasure::Erasure;
use sluicegate_core::error::PortError;
use sluicegate_core::fair::Bounds;
use sluicegate_core::job::LeasedJob;
use sluicegate_core::job::{JobState, JobView, ModerateImage, NewJob, POST_QUEUE, ProcessPost};
use sluicegate_core::moderation::ImageGate;
use sluicegate_core::pictures::Pictures;
use sluicegate_core::ports::{AccountStore, ClaimRequest, JobQueue, NoCache, Once};
use sluicegate_core::post::{NewPost, Post, fingerprint};
use sluicegate_core::quota::Quota;
use sluicegate_core::session::NewSession;
use sluicegate_core::sweep::{Sweep, SweepRules};
use sluicegate_core::text::TextPolicy;
use sluicegate_core::upload::{Maker, NewUpload, Upload, staged_object};
use sluicegate_core::wake::Waker;
use sluicegate_worker::{
    Job, QueueSettings, Registry, Runner, RunnerSettings, WorkerContext, registry,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::clock::TestClock;
use super::judges::{MoodyDetector, MoodyModel};
use super::maker::FakeMaker;
use super::objects::Memory;
use super::observer::Counting;
use super::purge::FlakyPurge;
use super::until;

/// Leases in tests: short, and long enough for a slow machine to keep them.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// A database of its own, and all that jobs use.
pub(crate) struct World {
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) queue: Arc<dyn JobQueue>,
    pub(crate) clock: TestClock,
    pub(crate) env: Env,
    pub(crate) objects: Arc<Memory>,
    pub(crate) detector: Arc<MoodyDetector>,
    pub(crate) purge: Arc<FlakyPurge>,
    pub(crate) model: Arc<MoodyModel>,
    pub(crate) observer: Arc<Counting>,
    pub(crate) context: WorkerContext,
    pub(crate) database: TestDatabase,
}

/// A runner at work.
pub(crate) struct Running {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Tells it to stop, and waits until it has.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(20), self.task)
            .await
            .unwrap()
            .unwrap();
    }

    /// As a crash would.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err_and(|error| error.is_cancelled()));
    }
}

impl World {
    /// Time stands still: what failed is not tried again before a test puts the clock forward.
    pub(crate) async fn new() -> Self {
        Self::with_clock(TestClock::still()).await
    }

    /// Time goes on: leases end.
    pub(crate) async fn in_real_time() -> Self {
        Self::with_clock(TestClock::real()).await
    }

    async fn with_clock(clock: TestClock) -> Self {
        let test_database = TestDatabase::new().await;
        let database = test_database.database();
        let env = clock.env();
        let objects = Arc::new(Memory::new(clock.clone()));
        let detector = Arc::new(MoodyDetector::new());
        let purge = Arc::new(FlakyPurge::default());
        let model = Arc::new(MoodyModel::new());
        let waker = Waker::new();
        let observer = Arc::new(Counting::default());
        let pictures = Pictures {
            env: env.clone(),
            uploads: database.uploads(),
            objects: objects.clone(),
            maker: Arc::new(FakeMaker),
            cache: Arc::new(NoCache),
            waker: waker.clone(),
        };
        let context = WorkerContext {
            env: env.clone(),
            accounts: database.accounts(),
            uploads: database.uploads(),
            posts: database.posts(),
            objects: objects.clone(),
            pictures,
            gate: ImageGate::Open,
            detector: detector.clone(),
            purge: purge.clone(),
            cache: Arc::new(NoCache),
            text_model: model.clone(),
            policy: Arc::new(TextPolicy::embedded().unwrap()),
            erasure: Erasure {
                env: env.clone(),
                store: database.erasure(),
                objects: objects.clone(),
                purge: purge.clone(),
            },
            sweep: Sweep {
                env: env.clone(),
                store: database.sweep(),
                objects: objects.clone(),
                waker: waker.clone(),
                rules: SweepRules::default(),
            },
            waker,
            observer: observer.clone(),
        };
        Self {
            accounts: database.accounts(),
            queue: database.jobs(),
            clock,
            env,
            objects,
            detector,
            purge,
            model,
            observer,
            context,
            database: test_database,
        }
    }

    pub(crate) fn settings() -> RunnerSettings {
        RunnerSettings {
            lease: LEASE,
            poll_min: Duration::from_millis(20),
            poll_max: Duration::from_millis(100),
            drain: Duration::from_secs(10),
            periodic: Vec::new(),
            ..RunnerSettings::new("test")
        }
    }

    /// Runs the real jobs.
    pub(crate) fn work(&self) -> Running {
        self.start(
            self.queue.clone(),
            registry(&self.context),
            Self::settings(),
        )
    }

    /// Erases the accounts that are due; answers how many.
    pub(crate) async fn erase(&self) -> Result<u64, PortError> {
        let mut erased = 0;
        self.context.erasure.run_into(&mut erased).await?;
        Ok(erased)
    }

    /// Runs one job of a test's.
    pub(crate) fn run(&self, job: Arc<dyn Job>) -> Running {
        self.run_with(job, Self::settings())
    }

    pub(crate) fn run_with(&self, job: Arc<dyn Job>, mut settings: RunnerSettings) -> Running {
        for queue in &mut settings.queues {
            *queue = QueueSettings {
                queue: queue.queue,
                concurrency: 2,
            };
        }
        self.start(self.queue.clone(), Registry::new(vec![job]), settings)
    }

    pub(crate) fn start(
        &self,
        queue: Arc<dyn JobQueue>,
        registry: Registry,
        settings: RunnerSettings,
    ) -> Running {
        let (env, waker) = (self.env.clone(), self.context.waker.clone());
        let runner = Runner::new(queue, registry, env, waker, settings);
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(runner.run(shutdown.clone()));
        Running { shutdown, task }
    }

    /// Claims as another worker would whose clock says `later` from now.
    pub(crate) async fn claim(&self, later: Duration) -> Vec<LeasedJob> {
        self.claim_from(POST_QUEUE, later).await
    }

    pub(crate) async fn claim_from(&self, queue: &str, later: Duration) -> Vec<LeasedJob> {
        let request = ClaimRequest {
            queue,
            worker: "rival",
            limit: 10,
            lease: LEASE,
            bounds: Bounds::NONE,
        };
        self.queue
            .claim(&request, self.env.now().plus(later))
            .await
            .unwrap()
    }

    pub(crate) async fn job(&self, id: JobId) -> JobView {
        self.queue.job(id).await.unwrap().unwrap()
    }

    pub(crate) async fn until_job(&self, id: JobId, state: JobState) -> JobView {
        until(&format!("the job is {state:?}"), || async {
            self.job(id).await.state == state
        })
        .await;
        self.job(id).await
    }

    /// Until an attempt has failed and the job waits again.
    pub(crate) async fn until_failed(&self, id: JobId) -> JobView {
        until("an attempt failed", || async {
            let job = self.job(id).await;
            job.state == JobState::Ready && job.last_error.is_some()
        })
        .await;
        self.job(id).await
    }

    pub(crate) async fn account(&self, handle: &str) -> AccountId {
        let (id, now) = (AccountId(self.env.new_id()), self.env.now());
        let account = NewAccount {
            id,
            handle: handle.to_owned(),
            display_name: handle.to_owned(),
            password_hash: "$argon2id$none".to_owned(),
            created_at: now,
        };
        let session = NewSession {
            id: SessionId(self.env.new_id()),
            account: id,
            refresh: self.env.random(),
            device: self.env.random(),
            created_at: now,
            expires_at: now.plus(Duration::from_hours(1)),
        };
        self.accounts.create(&account, &session).await.unwrap();
        id
    }

    /// An upload that has arrived, and its job.
    pub(crate) async fn upload(&self, owner: AccountId, content: &str) -> (UploadId, JobId) {
        self.upload_with_attempts(owner, content, 100).await
    }

    /// One whose client said what its file's hash is.
    pub(crate) async fn upload_declared(
        &self,
        owner: AccountId,
        content: &str,
        sha256: [u8; 32],
    ) -> (UploadId, JobId) {
        self.arrived(owner, content, Some(sha256), 100).await
    }

    pub(crate) async fn upload_with_attempts(
        &self,
        owner: AccountId,
        content: &str,
        max_attempts: u32,
    ) -> (UploadId, JobId) {
        self.arrived(owner, content, None, max_attempts).await
    }

    async fn arrived(
        &self,
        owner: AccountId,
        content: &str,
        sha256: Option<[u8; 32]>,
        max_attempts: u32,
    ) -> (UploadId, JobId) {
        let (id, now) = (UploadId(self.env.new_id()), self.env.now());
        let upload = NewUpload {
            id,
            owner,
            purpose: Purpose::Avatar,
            length: 10,
            sha256,
            head_sha256: None,
            key: None,
            created_at: now,
            expires_at: now.plus(Duration::from_hours(1)),
            put_until: None,
        };
        self.context
            .uploads
            .create_ticket(&upload, &Quota::default())
            .await
            .unwrap();
        let staged = staged_object(id);
        self.objects.store(&staged, content);
        let job = NewJob {
            max_attempts,
            ..self.image_job(id, owner)
        };
        self.context
            .uploads
            .complete(id, &Memory::etag(&staged), &job, now)
            .await
            .unwrap();
        (id, job.id)
    }

    pub(crate) fn image_job(&self, id: UploadId, owner: AccountId) -> NewJob {
        let payload = ModerateImage {
            key: sluicegate_contract::media::MediaKey(id),
            upload_type: Purpose::Avatar.into(),
            user_id: owner,
        };
        NewJob::moderate_image(JobId(self.env.new_id()), &payload, None, self.env.now())
    }

    /// Somebody who is about to make a picture.
    pub(crate) fn maker(&self, upload: UploadId) -> Maker {
        let token = self.env.new_id();
        Maker { upload, token }
    }

    /// The owner deletes the account; answers the job that tells caches.
    pub(crate) async fn leave(&self, account: AccountId) -> JobId {
        let now = self.env.now();
        let id = JobId(self.env.new_id());
        let job = NewJob::purge_account(id, account, None, now);
        let after = now.plus(DELETION_GRACE);
        let left = self.accounts.leave(account, now, after, &job).await;
        assert_eq!(left.unwrap(), Some(after));
        id
    }

    pub(crate) async fn see_upload(&self, id: UploadId) -> Upload {
        self.context.uploads.upload(id).await.unwrap().unwrap()
    }

    /// One whose request had a name, so that its answer is kept.
    pub(crate) async fn named_post(&self, author: AccountId, body: &str) -> PostId {
        let (id, now) = (PostId(self.env.new_id()), self.env.now());
        let post = NewPost {
            id,
            author,
            body: body.to_owned(),
            fingerprint: fingerprint(body),
            header: None,
            created_at: now,
        };
        let name = RequestName {
            owner: author,
            route: "POST /v1/posts",
            key: "of the test".to_owned(),
            fingerprint: fingerprint(body),
            at: now,
        };
        let answer = |post: Post| StoredAnswer {
            status: 201,
            location: Some(format!("/v1/posts/{id}")),
            body: format!("{} by {}", post.body, post.author.handle),
        };
        let once = Once {
            name: &name,
            answer: &answer,
        };
        let job = self.post_job(id, author);
        let written = self.context.posts.create_once(&post, &job, &once).await;
        written.unwrap();
        id
    }

    pub(crate) async fn post(&self, author: AccountId, body: &str) -> (PostId, JobId) {
        let (id, now) = (PostId(self.env.new_id()), self.env.now());
        let post = NewPost {
            id,
            author,
            body: body.to_owned(),
            fingerprint: fingerprint(body),
            header: None,
            created_at: now,
        };
        let job = self.post_job(id, author);
        self.context.posts.create(&post, &job).await.unwrap();
        (id, job.id)
    }

    pub(crate) fn post_job(&self, post_id: PostId, user_id: AccountId) -> NewJob {
        let payload = ProcessPost { post_id, user_id };
        NewJob::process_post(JobId(self.env.new_id()), &payload, None, self.env.now())
    }
}
