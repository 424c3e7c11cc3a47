#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use sluicegate_postgres::maintenance::create_database;
use sqlx::{Connection, PgConnection};

/// Makes the database that a URL without parameters names, empty, unless it is there.
///
/// # Panics
/// If the server does not.
pub async fn make_database(url: &str) {
    let (server, name) = url.rsplit_once('/').expect("a database");
    let made = create_database(&format!("{server}/postgres"), name, None).await;
    made.expect("can be made");
}

/// The number that a database answers to a question.
///
/// # Panics
/// If it answers none.
pub async fn ask_database(url: &str, sql: &'static str) -> i64 {
    let mut connection = connect(url).await;
    let answer = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
    let answer = answer.expect("a number");
    connection.close().await.expect("closes");
    answer
}

/// Has a database change something.
///
/// # Panics
/// If it does not.
pub async fn tell_database(url: &str, sql: &'static str) {
    let mut connection = connect(url).await;
    let told = sqlx::query(sql).execute(&mut connection).await;
    told.expect("does what it is told");
    connection.close().await.expect("closes");
}

/// Somebody who keeps others from something of a database, until they let go or are dropped.
pub struct Holds(PgConnection);

impl Holds {
    /// Begins a transaction that takes what `sql` locks.
    ///
    /// # Panics
    /// If it does not get it.
    pub async fn begin(url: &str, sql: &'static str) -> Self {
        let mut connection = connect(url).await;
        for sql in ["begin", sql] {
            let told = sqlx::query(sql).execute(&mut connection).await;
            told.expect("is locked");
        }
        Self(connection)
    }

    /// Lets the others go on.
    ///
    /// # Panics
    /// If the connection does not end well.
    pub async fn let_go(self) {
        self.0.close().await.expect("closes");
    }
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("connects")
}
