use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use serde_json::{Value, json};
use sluicegate_api::{ApiConfig, ApiState, router};
use sluicegate_conformance::testdb::TestDatabase;
use sluicegate_contract::ids::UploadId;
use sluicegate_core::pictures::Pictures;
use sluicegate_core::ports::{NoCache, OneDatabase};
use sluicegate_core::text::TextPolicy;
use sluicegate_core::wake::Waker;
use sluicegate_local::LocalLimiter;
use sluicegate_postgres::Database;

use super::call::{Answer, call};
use super::clock::{TestClock, environment};
use super::detector::{Mood, MoodyDetector};
use super::maker::FakeMaker;
use super::objects::Memory;

/// An origin on a database of its own.
pub(crate) struct World {
    pub(crate) origin: Router,
    pub(crate) state: ApiState,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) objects: Arc<Memory>,
    pub(crate) maker: Arc<FakeMaker>,
    pub(crate) detector: Arc<MoodyDetector>,
    pub(crate) database: Database,
    /// Gone when this is.
    pub(crate) test_database: TestDatabase,
}

/// Somebody who signed up.
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl World {
    /// Pictures and posts are checked by jobs, and there is no detector.
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// With these settings; all checks are off unless they are set.
    pub(crate) async fn with(set: impl FnOnce(&mut ApiConfig)) -> Self {
        let mut config = ApiConfig {
            image_sync: false,
            content_sync: false,
            ..ApiConfig::default()
        };
        set(&mut config);
        let test_database = TestDatabase::new().await;
        let database = test_database.database();
        let (env, clock) = environment();
        let objects = Arc::new(Memory::default());
        let maker = Arc::new(FakeMaker::new());
        let detector = Arc::new(MoodyDetector(Mutex::new(Mood::Safe)));
        let waker = Waker::new();
        let state = ApiState {
            env: env.clone(),
            accounts: database.accounts(),
            sessions: database.sessions(),
            signing_keys: database.signing_keys(),
            uploads: database.uploads(),
            answers: database.answers(),
            posts: database.posts(),
            reads: Arc::new(OneDatabase {
                accounts: database.accounts(),
                posts: database.posts(),
            }),
            cache: Arc::new(NoCache),
            limiter: Arc::new(LocalLimiter::new(env.clone(), 10_000)),
            objects: objects.clone(),
            pictures: Pictures {
                env,
                uploads: database.uploads(),
                objects: objects.clone(),
                maker: maker.clone(),
                cache: Arc::new(NoCache),
                waker: waker.clone(),
            },
            detector: detector.clone(),
            text_policy: Arc::new(TextPolicy::embedded().unwrap()),
            waker,
            observer: Arc::new(()),
            shutdown: tokio_util::sync::CancellationToken::new(),
            tasks: tokio_util::task::TaskTracker::new(),
            config,
        };
        let origin = router(state.clone());
        Self {
            origin,
            state,
            clock,
            objects,
            maker,
            detector,
            database,
            test_database,
        }
    }

    /// Another origin on the same database and store, as a second process would be: with its own waker.
    pub(crate) fn another_origin(&self) -> Router {
        let mut state = self.state.clone();
        state.waker = Waker::new();
        state.pictures.waker = state.waker.clone();
        router(state)
    }

    pub(crate) async fn sign_up(&self, handle: &str) -> Person {
        let request = json!({ "handle": handle, "password": "correct horse" });
        let session = call("POST", "/v1/accounts")
            .json(&request)
            .send(&self.origin)
            .await;
        Person::of(&session.expect(201))
    }

    /// Another session of somebody who signed up.
    pub(crate) async fn log_in(&self, handle: &str) -> Person {
        let request = json!({ "handle": handle, "password": "correct horse" });
        let session = call("POST", "/v1/sessions")
            .json(&request)
            .send(&self.origin)
            .await;
        Person::of(&session.expect(201))
    }

    /// A ticket for that many bytes.
    pub(crate) async fn ticket(&self, person: &Person, purpose: &str, length: usize) -> UploadId {
        let request = json!({ "purpose": purpose, "content_length": length });
        let ticket = call("POST", "/edge/v1/upload-tickets")
            .token(&person.access)
            .json(&request);
        let ticket = ticket.send(&self.origin).await.expect(201);
        ticket["id"].as_str().unwrap().parse().unwrap()
    }

    /// A ticket whose file is stored, but not completed.
    pub(crate) async fn staged(&self, person: &Person, purpose: &str, file: &[u8]) -> UploadId {
        let id = self.ticket(person, purpose, file.len()).await;
        self.objects.store(&format!("staging/{id}"), file);
        id
    }

    pub(crate) async fn complete(&self, person: &Person, id: UploadId) -> Answer {
        let path = format!("/v1/uploads/{id}/complete");
        call("POST", &path)
            .token(&person.access)
            .send(&self.origin)
            .await
    }

    /// An upload that has arrived.
    pub(crate) async fn upload(&self, person: &Person, purpose: &str) -> UploadId {
        let id = self.staged(person, purpose, &fixture("photo.png")).await;
        self.complete(person, id).await.expect(201);
        id
    }

    pub(crate) async fn get(&self, person: &Person, path: &str) -> Answer {
        call("GET", path)
            .token(&person.access)
            .send(&self.origin)
            .await
    }
}

impl Person {
    pub(crate) fn of(session: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Self {
            id: text(&session["account"]["id"]),
            access: text(&session["access_token"]),
            refresh: text(&session["refresh_token"]),
        }
    }
}

/// A file of the platform's fixtures.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    std::fs::read(folder.join(name)).expect("a fixture")
}
