//! Random histories of uploads, with crashes and late writers, proving of the sweep: no object that somebody needs is
//! ever deleted, and none that nobody needs survives. The rows are in a real database, the objects in memory.

mod checks;
mod events;
mod history;

use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};

use events::event;
use history::History;

/// As many as fit into every run; `PROPTEST_CASES` asks for more.
const CASES: u32 = 16;

#[test]
fn nothing_needed_is_deleted_and_nothing_else_survives() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cases = std::env::var("PROPTEST_CASES").map_or(CASES, |cases| cases.parse().unwrap());
    let config = Config {
        cases,
        max_shrink_iters: 100,
        failure_persistence: None,
        ..Config::default()
    };
    let histories = vec(event(), 20..60);
    let result = TestRunner::new(config).run(&histories, |events| {
        runtime.block_on(async {
            let mut history = History::new().await;
            for event in events {
                history.happen(event).await;
                history.nothing_is_missing().await;
            }
            history.nothing_is_left_over().await;
        });
        Ok(())
    });
    result.unwrap();
}
