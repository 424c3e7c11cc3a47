//! A drive that goes away under a store that has others, and comes back.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::TryStreamExt;
use sluicegate_conformance::notes::{RanOn, measured};
use sluicegate_conformance::servers::{Drives, Minio};
use sluicegate_core::ports::{ObjectStore, PutOptions};
use sluicegate_s3::S3ObjectStore;

use crate::minio::settings;

const OBJECTS: usize = 12;
/// So many objects written and read.
const A_WHILE: Duration = Duration::from_secs(30);
/// More than is kept beside an object's description, so that each drive has a part of it.
const BYTES: usize = 400_000;

fn content(seed: usize) -> Bytes {
    let mut state = u32::try_from(seed).unwrap().wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    };
    (0..BYTES / 4).flat_map(|_| next()).collect()
}

async fn write(store: &S3ObjectStore, seeds: std::ops::Range<usize>) {
    let options = PutOptions {
        content_type: "image/webp",
    };
    for seed in seeds {
        let key = format!("media/{seed}");
        store.put(&key, content(seed), &options).await.unwrap();
    }
}

async fn assert_all(store: &S3ObjectStore, seeds: std::ops::Range<usize>) {
    for seed in seeds {
        let stream = store.read(&format!("media/{seed}"), None).await.unwrap();
        let pieces: Vec<Bytes> = stream.unwrap().try_collect().await.unwrap();
        assert!(pieces.concat() == content(seed), "object {seed} is whole");
    }
}

fn has(drive: &Path, seed: usize) -> bool {
    drive.join("pictures/media").join(seed.to_string()).exists()
}

#[tokio::test]
async fn a_drive_that_is_taken_away_loses_nothing() {
    let name = "a_drive_that_is_taken_away_loses_nothing";
    Box::pin(is_taken_away(Drives::Four, name)).await;
}

#[tokio::test]
async fn a_drive_that_is_taken_from_one_of_four_servers_loses_nothing() {
    let name = "a_drive_that_is_taken_from_one_of_four_servers_loses_nothing";
    Box::pin(is_taken_away(Drives::FourServers, name)).await;
}

async fn is_taken_away(drives: Drives, name: &str) {
    let Some(server) = Minio::start(drives, name).await else {
        return;
    };
    let ran = RanOn::begins(&server.version(), "a drive taken away, and put back");
    let store = S3ObjectStore::new(&settings(&server));
    store.ensure_bucket().await.unwrap();
    let since = Instant::now();
    write(&store, 0..OBJECTS).await;
    let normally = since.elapsed();
    assert!(has(&server.drive(0), 0), "each drive has its part");

    // While it is written and read, not before.
    let writing = write(&store, OBJECTS..2 * OBJECTS);
    let reading = assert_all(&store, 0..OBJECTS);
    let taking = async {
        let last = format!("media/{OBJECTS}");
        while store.head(&last).await.unwrap().is_none() {}
        server.take_out(0);
    };
    let since = Instant::now();
    tokio::join!(writing, reading, taking);
    let meanwhile = since.elapsed();
    assert!(server.is_out(0), "nothing took its place meanwhile");
    write(&store, 2 * OBJECTS..3 * OBJECTS).await;
    assert_all(&store, 0..3 * OBJECTS).await;
    store.delete("media/0").await.unwrap();
    assert_eq!(store.head("media/0").await.unwrap(), None);
    assert!(server.is_out(0), "all of that was without it");
    let away = server.drive(0).with_extension("away");
    assert!(!has(&away, 2 * OBJECTS), "it has missed what came last");

    server.put_back(0);
    assert_all(&store, 1..3 * OBJECTS).await;
    // What it has missed is found on the others, also without one of them.
    server.take_out(1);
    assert_all(&store, 1..3 * OBJECTS).await;
    assert_eq!(store.head("media/0").await.unwrap(), None);
    assert!(server.is_out(1));
    server.put_back(1);
    let since = Instant::now();
    write(&store, 3 * OBJECTS..4 * OBJECTS).await;
    let after = since.elapsed();
    measured(&format!(
        "{}, one taken away: {OBJECTS} objects written in {normally:.1?} before, written and as many read in \
         {meanwhile:.1?} while it went, written in {after:.1?} once all were back; none lost",
        server.version()
    ));
    for took in [meanwhile, after] {
        assert!(took < A_WHILE, "{took:?}");
    }
    ran.passed();
    server.stop().await;
}
