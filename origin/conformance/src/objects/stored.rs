//! What the origin itself does with objects.

use bytes::Bytes;
use futures_util::TryStreamExt;

use super::{Fixture, bytes};

/// `ensure_bucket` makes the bucket, forgives one that is there, and `ping` finds it.
pub async fn makes_its_bucket_once(fixture: &Fixture) {
    fixture.store.ensure_bucket().await.unwrap();
    fixture.store.ensure_bucket().await.unwrap();
    fixture.store.ping().await.unwrap();
}

/// What `put` said is what `head` says, and what was put is read.
pub async fn keeps_what_is_put(fixture: &Fixture) {
    let key = fixture.key("kept");
    assert_eq!(fixture.store.head(&key).await.unwrap(), None);
    assert!(fixture.store.read(&key, None).await.unwrap().is_none());
    let options = sluicegate_core::ports::PutOptions {
        content_type: "image/webp",
    };
    let put = fixture
        .store
        .put(&key, Bytes::from_static(b"content"), &options)
        .await
        .unwrap();
    assert_eq!(put.length, 7);
    assert!(
        put.etag.starts_with('"') && put.etag.ends_with('"'),
        "quoted: {}",
        put.etag
    );
    assert_eq!(fixture.store.head(&key).await.unwrap(), Some(put));
    assert_eq!(
        fixture.content(&key).await.as_deref(),
        Some(&b"content"[..])
    );
}

/// With an entity tag, another object in its place is none.
pub async fn reads_only_the_object_that_is_meant(fixture: &Fixture) {
    let key = fixture.key("meant");
    let old = fixture.put(&key, "old").await;
    assert!(
        fixture
            .store
            .read(&key, Some(&old))
            .await
            .unwrap()
            .is_some()
    );
    let new = fixture.put(&key, "new").await;
    assert_ne!(old, new);
    assert!(
        fixture
            .store
            .read(&key, Some(&old))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        fixture
            .store
            .read_start(&key, 3, &old)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        fixture
            .store
            .read(&key, Some(&new))
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        fixture
            .store
            .read_start(&fixture.key("none"), 3, &new)
            .await
            .unwrap()
            .is_none()
    );
}

/// `read_start` gives so many bytes, or all there are, and never more than 1 MiB.
pub async fn reads_starts(fixture: &Fixture) {
    let key = fixture.key("start");
    let content = bytes(3 * 1024 * 1024, 1);
    let etag = fixture.put(&key, content.clone()).await;
    for (asked, given) in [(1, 1), (65_536, 65_536), (4 * 1024 * 1024, 1024 * 1024)] {
        let start = fixture
            .store
            .read_start(&key, asked, &etag)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(start.len(), given);
        assert!(content.starts_with(&start));
    }
    let short = fixture.key("short");
    let etag = fixture.put(&short, "abc").await;
    let start = fixture
        .store
        .read_start(&short, 65_536, &etag)
        .await
        .unwrap();
    assert_eq!(start.as_deref(), Some(&b"abc"[..]));
}

/// An empty object has an empty start, under its own tag only.
pub async fn reads_starts_of_empty_objects(fixture: &Fixture) {
    let key = fixture.key("empty");
    let etag = fixture.put(&key, "").await;
    let start = fixture.store.read_start(&key, 10, &etag).await.unwrap();
    assert_eq!(start.as_deref(), Some(&b""[..]));
    assert!(
        fixture
            .store
            .read_start(&key, 10, "\"other\"")
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(fixture.content(&key).await.as_deref(), Some(&b""[..]));
}

/// A large object comes in pieces and whole.
pub async fn streams_large_objects(fixture: &Fixture) {
    let key = fixture.key("large");
    let content = bytes(8 * 1024 * 1024 + 1, 2);
    let etag = fixture.put(&key, content.clone()).await;
    let stream = fixture
        .store
        .read(&key, Some(&etag))
        .await
        .unwrap()
        .unwrap();
    let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
    assert!(pieces.len() > 1, "in pieces");
    assert!(pieces.concat() == content, "whole");
}

/// While an object is replaced, readers see the old or the new one.
pub async fn replaces_whole(fixture: &Fixture) {
    let key = fixture.key("replaced");
    let [old, new] = [bytes(512 * 1024, 3), bytes(512 * 1024, 4)];
    fixture.put(&key, old.clone()).await;
    let writing = async {
        for content in [&new, &old].into_iter().cycle().take(10) {
            fixture.put(&key, content.clone()).await;
        }
    };
    let reading = async {
        for _ in 0..10 {
            let seen = fixture.content(&key).await.unwrap();
            assert!(seen == old || seen == new, "a mixture was read");
        }
    };
    tokio::join!(writing, reading);
}

/// What is deleted is gone; what is not there can be deleted.
pub async fn deletes_and_forgives(fixture: &Fixture) {
    let key = fixture.key("deleted");
    fixture.put(&key, "x").await;
    fixture.store.delete(&key).await.unwrap();
    assert_eq!(fixture.store.head(&key).await.unwrap(), None);
    fixture.store.delete(&key).await.unwrap();
    fixture.store.delete(&fixture.key("never")).await.unwrap();
}
