//! Where strangers' reads are kept, as it is set.

use crate::origin::client;
use crate::seeing::program::{Program, data_folder};

const COUNTED: &str = "sluicegate_public_cache_total";

/// How many of ten readings in a row were answered from what was kept, and how many were read.
async fn read_ten_times(cache: &str) -> [u64; 2] {
    let data = data_folder();
    let program = Program::start(data.path(), &[("PUBLIC_CACHE", cache)]).await;
    let client = client();
    for _ in 0..10 {
        let posts = client.get(format!("{}/v1/posts", program.url)).send().await;
        assert_eq!(posts.expect("answers").status(), 200);
    }
    let seen = program.metrics_when(|_| true).await;
    let counted = ["hit", "miss"].map(|result| {
        let counted = seen.value(COUNTED, &[("result", result)]);
        // Counts are whole.
        let counted = counted.unwrap_or_default().to_string();
        counted.parse().expect("a count")
    });
    program.stop().await;
    counted
}

#[tokio::test]
async fn strangers_reads_are_kept_in_the_process_if_that_is_set() {
    let [hits, misses] = read_ten_times("process").await;
    // Each is kept for two seconds.
    assert!(hits >= 1 && misses >= 1, "{hits} hits, {misses} misses");
    assert_eq!(hits + misses, 10);
}

#[tokio::test]
async fn strangers_reads_are_kept_nowhere_if_that_is_set_or_nothing_is_shared() {
    for cache in ["off", "shared"] {
        assert_eq!(read_ten_times(cache).await, [0, 0], "{cache}");
    }
}
