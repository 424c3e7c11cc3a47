#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use sluicegate_postgres::maintenance::create_database;

/// Makes the database that a URL without parameters names, empty, unless it is there.
///
/// # Panics
/// If the server does not.
pub async fn make_database(url: &str) {
    let (server, name) = url.rsplit_once('/').expect("a database");
    let made = create_database(&format!("{server}/postgres"), name, None).await;
    made.expect("can be made");
}
