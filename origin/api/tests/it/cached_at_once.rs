//! What strangers read at once, and what they read while it changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use futures_util::FutureExt;
use serde_json::{Value, json};
use sluicegate_api::router;
use sluicegate_contract::ids::{AccountId, PostId};
use sluicegate_core::account::Account;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{Found, PublicCache, PublicReads, Reader, Versions};
use sluicegate_core::post::{Post, PostCursor};
use sluicegate_core::public::{Change, Item};
use sluicegate_local::LocalCache;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::support::{Person, World, call};

const LIMIT: Duration = Duration::from_secs(30);

/// Counts what is read, and holds each reading of a post after it was made.
struct Held {
    reads: Arc<dyn PublicReads>,
    posts: AtomicUsize,
    leave: Semaphore,
}

#[async_trait]
impl PublicReads for Held {
    fn tells_readers_apart(&self) -> bool {
        false
    }

    async fn wrote(&self, _: AccountId) -> Result<(), PortError> {
        Ok(())
    }

    async fn by_handle(&self, reader: Reader, handle: &str) -> Result<Option<Account>, PortError> {
        self.reads.by_handle(reader, handle).await
    }

    async fn post(&self, reader: Reader, id: PostId) -> Result<Option<Post>, PortError> {
        let post = self.reads.post(reader, id).await;
        self.posts.fetch_add(1, Ordering::SeqCst);
        self.leave.acquire().await.unwrap().forget();
        post
    }

    async fn posts(
        &self,
        reader: Reader,
        author: Option<AccountId>,
        cursor: Option<PostCursor>,
        limit: u32,
    ) -> Result<Vec<Post>, PortError> {
        self.reads.posts(reader, author, cursor, limit).await
    }
}

/// Counts who asks, and holds each change that it is told of, and what it is to keep once nobody may go on.
struct Watched {
    cache: LocalCache,
    asked: AtomicUsize,
    told: AtomicUsize,
    forgot: AtomicUsize,
    leave: Semaphore,
    keep: Semaphore,
}

#[async_trait]
impl PublicCache for Watched {
    async fn get(&self, item: &Item) -> Result<Found, PortError> {
        let found = self.cache.get(item).await;
        self.asked.fetch_add(1, Ordering::SeqCst);
        found
    }

    async fn put(
        &self,
        item: &Item,
        read_under: &Versions,
        owner: Option<AccountId>,
        content: &[u8],
    ) -> Result<(), PortError> {
        let _kept = self.keep.acquire().await.unwrap();
        self.cache.put(item, read_under, owner, content).await
    }

    async fn forget(&self, change: Change) -> Result<(), PortError> {
        self.told.fetch_add(1, Ordering::SeqCst);
        self.leave.acquire().await.unwrap().forget();
        self.cache.forget(change).await?;
        self.forgot.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

async fn until(count: &AtomicUsize, least: usize) {
    let reached = async {
        while count.load(Ordering::SeqCst) < least {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, reached).await.expect("it happens");
}

struct Scene {
    world: World,
    ada: Person,
    reads: Arc<Held>,
    cache: Arc<Watched>,
    origin: Router,
    id: PostId,
    path: String,
}

/// A post of Ada's that nobody has read, and an origin where nothing is held up but readings of posts.
async fn scene() -> Scene {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let reads = Arc::new(Held {
        reads: world.state.reads.clone(),
        posts: AtomicUsize::new(0),
        leave: Semaphore::new(0),
    });
    let env = world.state.env.clone();
    let cache = Arc::new(Watched {
        cache: LocalCache::new(env, 1024 * 1024, Duration::ZERO),
        asked: AtomicUsize::new(0),
        told: AtomicUsize::new(0),
        forgot: AtomicUsize::new(0),
        leave: Semaphore::new(1),
        keep: Semaphore::new(1),
    });
    let mut state = world.state.clone();
    state.reads = reads.clone();
    state.cache = cache.clone();
    let origin = router(state);
    let call = call("POST", "/v1/posts").token(&ada.access);
    let post = call.json(&json!({ "body": "Hello" })).send(&origin).await;
    let id = post.expect(201)["id"].as_str().unwrap().to_owned();
    Scene {
        world,
        ada,
        reads,
        cache,
        origin,
        path: format!("/v1/posts/{id}"),
        id: id.parse().unwrap(),
    }
}

fn look(scene: &Scene) -> tokio::task::JoinHandle<(u16, Vec<u8>)> {
    look_at(scene, &scene.path)
}

fn look_at(scene: &Scene, path: &str) -> tokio::task::JoinHandle<(u16, Vec<u8>)> {
    let (origin, path) = (scene.origin.clone(), path.to_owned());
    tokio::spawn(async move {
        let answer = call("GET", &path).send(&origin).await;
        (answer.status.as_u16(), answer.body)
    })
}

#[tokio::test]
async fn of_many_who_read_the_same_at_once_one_asks_the_database() {
    let scene = scene().await;
    let readers: Vec<_> = (0..20).map(|_| look(&scene)).collect();
    until(&scene.cache.asked, 20).await;
    until(&scene.reads.posts, 1).await;
    scene.reads.leave.add_permits(20);
    for reader in readers {
        let (status, body) = timeout(LIMIT, reader).await.unwrap().unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, &body["body"]), (200, &json!("Hello")));
    }
    assert_eq!(scene.reads.posts.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn that_nothing_is_there_is_read_once_for_all() {
    let scene = scene().await;
    let nowhere = format!("/v1/posts/{}", scene.world.state.env.new_id());
    let readers: Vec<_> = (0..20).map(|_| look_at(&scene, &nowhere)).collect();
    until(&scene.cache.asked, 20).await;
    scene.reads.leave.add_permits(20);
    for reader in readers {
        let (status, _) = timeout(LIMIT, reader).await.unwrap().unwrap();
        assert_eq!(status, 404);
    }
    assert_eq!(scene.reads.posts.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn of_those_who_wait_for_one_who_went_away_one_reads() {
    let scene = scene().await;
    let first = look(&scene);
    until(&scene.reads.posts, 1).await;
    let readers: Vec<_> = (0..20).map(|_| look(&scene)).collect();
    until(&scene.cache.asked, 21).await;
    first.abort();
    until(&scene.reads.posts, 2).await;
    scene.reads.leave.add_permits(20);
    for reader in readers {
        let (status, _) = timeout(LIMIT, reader).await.unwrap().unwrap();
        assert_eq!(status, 200);
    }
    assert_eq!(scene.reads.posts.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn nobody_but_who_read_it_waits_until_it_is_kept() {
    let scene = scene().await;
    scene.cache.keep.forget_permits(1);
    let first = look(&scene);
    until(&scene.reads.posts, 1).await;
    let early = look(&scene);
    until(&scene.cache.asked, 2).await;
    scene.reads.leave.add_permits(1);
    for reader in [early, look(&scene)] {
        let (status, _) = timeout(LIMIT, reader).await.unwrap().unwrap();
        assert_eq!(status, 200);
    }
    assert!(!first.is_finished());
    scene.cache.keep.add_permits(1);
    let (status, _) = timeout(LIMIT, first).await.unwrap().unwrap();
    assert_eq!(status, 200);
    assert_eq!(scene.reads.posts.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn nobody_who_comes_after_a_change_is_shown_what_is_read_since_before_it() {
    let scene = scene().await;
    let early = look(&scene);
    until(&scene.reads.posts, 1).await;
    scene.cache.leave.add_permits(1);
    let gone = call("DELETE", &scene.path).token(&scene.ada.access);
    gone.send(&scene.origin).await.expect(204);
    let late = look(&scene);
    until(&scene.reads.posts, 2).await;
    scene.reads.leave.add_permits(2);
    let (status, _) = timeout(LIMIT, early).await.unwrap().unwrap();
    assert_eq!(status, 200, "it was there when they asked");
    let (status, _) = timeout(LIMIT, late).await.unwrap().unwrap();
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_change_is_told_although_who_made_it_went_away_or_finds_it_made() {
    let scene = scene().await;
    let told = scene.cache.forgot.load(Ordering::SeqCst);
    let (origin, path, token) = (
        scene.origin.clone(),
        scene.path.clone(),
        scene.ada.access.clone(),
    );
    let deletion = tokio::spawn(async move {
        call("DELETE", &path).token(&token).send(&origin).await;
    });
    // It is committed, and the cache is slow to hear of it.
    until(&scene.cache.told, told + 1).await;
    deletion.abort();
    assert!(deletion.await.unwrap_err().is_cancelled());
    // An origin that ends meanwhile waits for it.
    let tasks = &scene.world.state.tasks;
    tasks.close();
    assert!(tasks.wait().now_or_never().is_none());
    scene.cache.leave.add_permits(1);
    timeout(LIMIT, tasks.wait()).await.expect("it ends");
    assert_eq!(scene.cache.forgot.load(Ordering::SeqCst), told + 1);
    let gone = scene.world.state.posts.post(scene.id).await.unwrap();
    assert!(gone.is_none());

    // A try that was cut off earlier may have said nothing at all.
    scene.cache.leave.add_permits(1);
    let again = call("DELETE", &scene.path).token(&scene.ada.access);
    again.send(&scene.origin).await.problem(404, "not-found");
    assert_eq!(scene.cache.forgot.load(Ordering::SeqCst), told + 2);
}
