//! What every [`PublicCache`] must do. Time is the adapter's own, and passes.

#![expect(clippy::expect_used, reason = "a suite fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use sluicegate_contract::ids::{AccountId, PostId};
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
    keeps_nothing_of_somebody_without_saying_of_whom,
);

/// What it must do where copies of the database are read: `settles` is how long its topics have to.
///
/// # Panics
/// If it does not.
pub async fn keeps_nothing_until_it_settles(cache: &Arc<dyn PublicCache>, settles: Duration) {
    let (id, post) = item();
    let list = Item::posts("settles", None, 20);
    let owner = somebody();
    let may_be_kept = async |item: &Item| {
        let found = cache.get(item).await.expect("it answers");
        matches!(found, Found::Missing(Some(_)))
    };
    for item in [&post, &list] {
        until_it_may_be_kept(cache, item).await;
    }
    let began = Instant::now();
    forget(cache, Change::Post(id)).await;
    for item in [&post, &list] {
        // A machine that stood still meanwhile has seen it settle.
        let early = may_be_kept(item).await;
        assert!(!early || began.elapsed() >= settles, "{}", item.name());
        until_it_may_be_kept(cache, item).await;
    }
    let waited = began.elapsed();
    assert!(waited >= settles, "it has settled after {waited:?}");

    // What is of an account settles with it, whether that was known when it was read or not.
    let began = Instant::now();
    forget(cache, Change::Account(owner)).await;
    if let Found::Missing(Some(versions)) = cache.get(&post).await.expect("it answers") {
        put(cache, &post, &versions, Some(owner), b"from a copy").await;
    }
    let shown = kept(cache, &post).await;
    assert!(shown.is_none() || began.elapsed() >= settles);
    // Nor is what is read after one change shown to who asks after the next.
    let versions = async || match cache.get(&post).await.expect("it answers") {
        Found::Missing(versions) => versions,
        Found::Kept(_) => None,
    };
    let before = versions().await;
    forget(cache, Change::Account(owner)).await;
    let after = versions().await;
    assert!(before.is_none() || before != after, "{before:?}");
    while kept(cache, &post).await.is_none() {
        assert!(began.elapsed() < PATIENCE, "never kept again");
        if let Found::Missing(Some(versions)) = cache.get(&post).await.expect("it answers") {
            put(cache, &post, &versions, Some(owner), b"settled").await;
        }
        sleep(Duration::from_millis(20)).await;
    }
    let waited = began.elapsed();
    assert!(waited >= settles, "it was kept after {waited:?}");
}

async fn until_it_may_be_kept(cache: &Arc<dyn PublicCache>, item: &Item) {
    let began = Instant::now();
    while let Found::Missing(None) = cache.get(item).await.expect("it answers") {
        assert!(began.elapsed() < PATIENCE, "{} never settles", item.name());
        sleep(Duration::from_millis(20)).await;
    }
}

fn somebody() -> AccountId {
    AccountId(id())
}

const PATIENCE: Duration = Duration::from_secs(30);

async fn missing(cache: &Arc<dyn PublicCache>, item: &Item) -> Versions {
    match cache.get(item).await.expect("it answers") {
        Found::Missing(Some(versions)) => versions,
        other => panic!("{}: {other:?}", item.name()),
    }
}

async fn put(
    cache: &Arc<dyn PublicCache>,
    item: &Item,
    versions: &Versions,
    owner: Option<AccountId>,
    content: &[u8],
) {
    let put = cache.put(item, versions, owner, content).await;
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
async fn is_kept(caches: &Caches, item: &Item, owner: AccountId) {
    let began = Instant::now();
    loop {
        let versions = match caches.one.get(item).await.expect("it answers") {
            Found::Kept(_) => return,
            Found::Missing(versions) => versions.expect("may be kept"),
        };
        put(&caches.one, item, &versions, Some(owner), b"kept").await;
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
    is_kept(caches, &one, somebody()).await;
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
        is_kept(caches, list, somebody()).await;
    }
}

async fn forgets_by_each_change_that_it_hangs_on(caches: &Caches) {
    let (id, post) = item();
    let ada = somebody();
    let list = Item::posts("forgets", Some("ada"), 20);
    let profile = Item::profile("forgets", "ada");
    for (change, forgotten) in [
        (Change::NewPost, vec![&list]),
        (Change::Post(id), vec![&list, &post]),
        (Change::Account(ada), vec![&list, &post, &profile]),
    ] {
        for item in [&post, &list, &profile] {
            is_kept(caches, item, ada).await;
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
    let ada = somebody();
    for change in [Change::Post(id), Change::Account(ada)] {
        let before = missing(&caches.one, &post).await;
        forget(&caches.other, change).await;
        put(&caches.one, &post, &before, Some(ada), b"removed since").await;
        assert_eq!(kept(&caches.one, &post).await, None);
        // Also after somebody else has asked for it anew.
        let after = missing(&caches.other, &post).await;
        put(&caches.one, &post, &before, Some(ada), b"removed since").await;
        assert_eq!(kept(&caches.one, &post).await, None);
        assert_ne!(before, after);
        forget(&caches.one, change).await;
    }
}

async fn forgets_for_all_processes(caches: &Caches) {
    let (id, post) = item();
    is_kept(caches, &post, somebody()).await;
    forget(&caches.other, Change::Post(id)).await;
    assert_eq!(kept(&caches.one, &post).await, None);
    assert_eq!(kept(&caches.other, &post).await, None);
}

async fn keeps_nothing_for_long(caches: &Caches) {
    let (_, post) = item();
    let began = Instant::now();
    let versions = missing(&caches.one, &post).await;
    put(
        &caches.one,
        &post,
        &versions,
        Some(somebody()),
        b"for a moment",
    )
    .await;
    while kept(&caches.one, &post).await.is_some() {
        assert!(began.elapsed() < KEPT_FOR + PATIENCE, "kept for ever");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn keeps_nothing_huge(caches: &Caches) {
    let (_, post) = item();
    let versions = missing(&caches.one, &post).await;
    let huge = vec![7; KEPT_BYTES + 1];
    put(&caches.one, &post, &versions, Some(somebody()), &huge).await;
    assert_eq!(kept(&caches.one, &post).await, None);
}

async fn keeps_nothing_of_somebody_without_saying_of_whom(caches: &Caches) {
    let (_, post) = item();
    let versions = missing(&caches.one, &post).await;
    put(&caches.one, &post, &versions, None, b"of somebody").await;
    assert_eq!(kept(&caches.one, &post).await, None);
}
