//! What every [`PublicCache`] must do. Time is the adapter's own, and passes.

#![expect(clippy::expect_used, reason = "a suite fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use sluicegate_contract::ids::PostId;
use sluicegate_core::ports::{Found, PublicCache, Versions};
use sluicegate_core::public::{Change, Item, KEPT_BYTES, KEPT_FOR};
use tokio::time::{Instant, sleep};

use crate::promises::promises;
use crate::stores::id;

/// A cache, and how another process has it (itself, where nothing is shared).
#[derive(Clone)]
pub struct Caches {
    /// One.
    pub one: Arc<dyn PublicCache>,
    /// The other.
    pub other: Arc<dyn PublicCache>,
}

promises!(Caches:
    shows_what_was_put_and_nothing_else,
    forgets_by_each_change_that_it_hangs_on,
    never_shows_what_was_read_before_a_change,
    forgets_for_all_processes,
    keeps_nothing_for_long,
    keeps_nothing_huge,
);

const PATIENCE: Duration = Duration::from_secs(30);

async fn missing(cache: &Arc<dyn PublicCache>, item: &Item) -> Versions {
    match cache.get(item).await.expect("it answers") {
        Found::Missing(Some(versions)) => versions,
        other => panic!("{}: {other:?}", item.name()),
    }
}

async fn put(cache: &Arc<dyn PublicCache>, item: &Item, versions: &Versions, content: &[u8]) {
    let put = cache.put(item, versions, content).await;
    put.expect("it is taken");
}

async fn kept(cache: &Arc<dyn PublicCache>, item: &Item) -> Option<Vec<u8>> {
    match cache.get(item).await.expect("it answers") {
        Found::Kept(content) => Some(content),
        Found::Missing(_) => None,
    }
}

async fn forget(cache: &Arc<dyn PublicCache>, change: Change) {
    cache.forget(change).await.expect("it forgets");
}

/// Puts it, and looks at once: what is kept for a moment may be over when a machine stands still.
async fn is_kept(caches: &Caches, item: &Item) {
    let began = Instant::now();
    loop {
        let versions = match caches.one.get(item).await.expect("it answers") {
            Found::Kept(_) => return,
            Found::Missing(versions) => versions.expect("may be kept"),
        };
        put(&caches.one, item, &versions, b"kept").await;
        if kept(&caches.one, item).await == Some(b"kept".to_vec()) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{}", item.name());
    }
}

fn item() -> (PostId, Item) {
    let id = PostId(id());
    (id, Item::post("suite", id))
}

async fn shows_what_was_put_and_nothing_else(caches: &Caches) {
    let ((_, one), (_, other)) = (item(), item());
    is_kept(caches, &one).await;
    missing(&caches.one, &other).await;
    // Of another view, another limit, another author.
    let lists = [
        Item::posts("suite", None, 20),
        Item::posts("strict", None, 20),
        Item::posts("suite", None, 2),
        Item::posts("suite", Some("ada"), 20),
        Item::profile("suite", "ada"),
    ];
    for list in &lists {
        missing(&caches.one, list).await;
        is_kept(caches, list).await;
    }
}

async fn forgets_by_each_change_that_it_hangs_on(caches: &Caches) {
    let (id, post) = item();
    let list = Item::posts("forgets", Some("ada"), 20);
    let profile = Item::profile("forgets", "ada");
    for (change, forgotten) in [
        (Change::NewPost, vec![&list]),
        (Change::Post(id), vec![&list, &post]),
        (Change::Everything, vec![&list, &post, &profile]),
    ] {
        for item in [&post, &list, &profile] {
            is_kept(caches, item).await;
        }
        forget(&caches.one, change).await;
        for item in forgotten {
            missing(&caches.one, item).await;
        }
    }
}

/// Whoever was reading while something changed, and puts it after that.
async fn never_shows_what_was_read_before_a_change(caches: &Caches) {
    let (id, post) = item();
    for change in [Change::Post(id), Change::Everything] {
        let before = missing(&caches.one, &post).await;
        forget(&caches.other, change).await;
        put(&caches.one, &post, &before, b"removed since").await;
        assert_eq!(kept(&caches.one, &post).await, None);
        // Also after somebody else has asked for it anew.
        let after = missing(&caches.other, &post).await;
        put(&caches.one, &post, &before, b"removed since").await;
        assert_eq!(kept(&caches.one, &post).await, None);
        assert_ne!(before, after);
        forget(&caches.one, change).await;
    }
}

async fn forgets_for_all_processes(caches: &Caches) {
    let (id, post) = item();
    is_kept(caches, &post).await;
    forget(&caches.other, Change::Post(id)).await;
    assert_eq!(kept(&caches.one, &post).await, None);
    assert_eq!(kept(&caches.other, &post).await, None);
}

async fn keeps_nothing_for_long(caches: &Caches) {
    let (_, post) = item();
    let began = Instant::now();
    let versions = missing(&caches.one, &post).await;
    put(&caches.one, &post, &versions, b"for a moment").await;
    while kept(&caches.one, &post).await.is_some() {
        assert!(began.elapsed() < KEPT_FOR + PATIENCE, "kept for ever");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn keeps_nothing_huge(caches: &Caches) {
    let (_, post) = item();
    let versions = missing(&caches.one, &post).await;
    put(&caches.one, &post, &versions, &vec![7; KEPT_BYTES + 1]).await;
    assert_eq!(kept(&caches.one, &post).await, None);
}
