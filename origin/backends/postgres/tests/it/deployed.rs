//! All of these tests once more, on the Postgres that `deploy/compose.yaml` runs.

use std::process::Command;

use sluicegate_conformance::notes::{RanOn, skip};

/// Names the folder of its `initdb` and `postgres`.
const VARIABLE: &str = "SLUICEGATE_DEPLOYED_POSTGRES_BIN";

#[test]
fn all_holds_on_the_postgres_that_is_deployed() {
    let test = "all_holds_on_the_postgres_that_is_deployed";
    let Some(programs) = std::env::var_os(VARIABLE) else {
        return skip(test, &format!("{VARIABLE} names no Postgres"));
    };
    let ran = RanOn::begins("the Postgres that is deployed", "all tests of its adapters");
    let again = Command::new(std::env::current_exe().unwrap())
        .args(["--skip", test])
        .env("SLUICEGATE_POSTGRES_BIN", programs)
        .env_remove("SLUICEGATE_TEST_POSTGRES_URL")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success(), "{said}");
    assert!(!said.contains(" 0 passed"), "{said}");
    ran.passed();
}
