//! A fresh database a test, on a Postgres that lives as long as the test program.
//!
//! `SLUICEGATE_TEST_POSTGRES_URL` names a server to use instead of one of our own: a superuser's URL of a
//! database that is only connected to, e.g. `postgres://app:secret@127.0.0.1:5432/postgres`. Without a
//! Postgres the tests fail and say so; they are never skipped.

#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::sync::atomic::{AtomicU32, Ordering};

use sluicegate_contract::ids::AccountId;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::PublicReads;
use sluicegate_embedded::postgres::{Postgres, throw_away};
use sluicegate_postgres::maintenance::{
    create_database, database_exists, drop_database, rename_database, tables_that_mention,
};
use sluicegate_postgres::replicas::Replicas;
use sluicegate_postgres::{Database, Options, migrate, schema_id};
use tokio::sync::OnceCell;

use crate::servers::postgres_search;

const SERVER_VARIABLE: &str = "SLUICEGATE_TEST_POSTGRES_URL";

/// One a test program; it ends with the process.
static SERVER: OnceCell<Server> = OnceCell::const_new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A database of one test alone; dropped with this value.
pub struct TestDatabase {
    name: String,
    url: String,
    admin_url: String,
    database: Database,
}

impl TestDatabase {
    /// A database with the current schema: a copy of a template, 20 to 50 ms.
    ///
    /// # Panics
    /// If no Postgres can be had.
    pub async fn new() -> Self {
        let server = server().await;
        Self::make(server, Some(&server.template)).await
    }

    /// A database without any table.
    ///
    /// # Panics
    /// If no Postgres can be had.
    pub async fn empty() -> Self {
        Self::make(server().await, None).await
    }

    /// Its URL; direct, no pooler.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A pool of eight connections to it; all callers share it.
    pub fn database(&self) -> Database {
        self.database.clone()
    }

    /// As an origin with replicas does it, notes that this account wrote.
    ///
    /// # Panics
    /// If it cannot be noted.
    pub async fn note_write(&self, account: AccountId) {
        let options = sluicegate_postgres::replicas::Options {
            pool: Options::default(),
            lag_limit: std::time::Duration::from_secs(1),
        };
        let replicas = Replicas::watch(&self.database, [], &options).expect("no replicas");
        replicas.wrote(account).await.expect("can be noted");
    }

    /// The tables of which a row mentions `text`.
    ///
    /// # Panics
    /// If they cannot be read.
    pub async fn tables_that_mention(&self, text: &str) -> Vec<String> {
        tables_that_mention(&self.url, text)
            .await
            .expect("the tables can be read")
    }

    async fn make(server: &Server, template: Option<&str>) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sluicegate_test_{}_{number}", std::process::id());
        let (url, admin_url) = (server.url(&name), server.admin_url());
        create_database(&admin_url, &name, template)
            .await
            .expect("a database for this test");
        let options = Options {
            max_connections: 8,
            ..Options::default()
        };
        let database = Database::connect(&url, &options)
            .await
            .expect("the test's database");
        Self {
            name,
            url,
            admin_url,
            database,
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (admin_url, name) = (self.admin_url.clone(), self.name.clone());
        // A runtime of its own: the test's cannot be waited for from here. What is left behind where
        // this fails goes away with the server.
        let _ = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .ok()?;
            runtime.block_on(drop_database(&admin_url, &name)).ok()
        })
        .join();
    }
}

struct Server {
    source: Source,
    template: String,
}

enum Source {
    Own(Postgres),
    Given(String),
}

impl Server {
    fn url(&self, database: &str) -> String {
        match &self.source {
            Source::Own(postgres) => postgres.url(database),
            Source::Given(url) => with_database(url, database),
        }
    }

    fn admin_url(&self) -> String {
        match &self.source {
            Source::Own(postgres) => postgres.url("postgres"),
            Source::Given(url) => url.clone(),
        }
    }
}

async fn server() -> &'static Server {
    SERVER
        .get_or_init(|| async {
            let source = match std::env::var(SERVER_VARIABLE) {
                Ok(url) => Source::Given(url),
                Err(_) => Source::Own(own_postgres().await),
            };
            let template = format!("sluicegate_template_{}", schema_id());
            let server = Server { source, template };
            make_template(&server)
                .await
                .expect("a migrated template database");
            server
        })
        .await
}

async fn own_postgres() -> Postgres {
    match throw_away(&postgres_search()).await {
        Ok(postgres) => postgres,
        Err(error) => panic!(
            "these tests need Postgres: install it (its `initdb` and `postgres` are enough), or name a \
            server in {SERVER_VARIABLE}: {error}"
        ),
    }
}

/// Made under another name first: a template that has its name is whole, and nobody is connected to it.
/// Test programs that share a server may try at once; the first one wins.
async fn make_template(server: &Server) -> Result<(), PortError> {
    let admin_url = server.admin_url();
    if database_exists(&admin_url, &server.template).await? {
        return Ok(());
    }
    let draft = format!("sluicegate_draft_{}", std::process::id());
    create_database(&admin_url, &draft, None).await?;
    migrate(&server.url(&draft)).await?;
    if let Err(error) = rename_database(&admin_url, &draft, &server.template).await {
        drop_database(&admin_url, &draft).await?;
        if !database_exists(&admin_url, &server.template).await? {
            return Err(error);
        }
    }
    Ok(())
}

/// The same server's URL of another database: `scheme://authority/database?parameters`.
fn with_database(url: &str, database: &str) -> String {
    let (rest, parameters) = url
        .split_once('?')
        .map_or((url, None), |(r, p)| (r, Some(p)));
    let authority_start = rest.find("://").map_or(0, |at| at + 3);
    let end = rest
        .rfind('/')
        .filter(|at| *at >= authority_start)
        .unwrap_or(rest.len());
    let (base, _) = rest.split_at(end);
    match parameters {
        Some(parameters) => format!("{base}/{database}?{parameters}"),
        None => format!("{base}/{database}"),
    }
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn only_the_database_is_replaced() {
        for (url, expected) in [
            ("postgres://a:b@h:1/postgres", "postgres://a:b@h:1/t"),
            ("postgres://a:b@h:1", "postgres://a:b@h:1/t"),
            (
                "postgres://a@%2Ftmp%2Fpg/x?sslmode=disable",
                "postgres://a@%2Ftmp%2Fpg/t?sslmode=disable",
            ),
        ] {
            assert_eq!(with_database(url, "t"), expected);
        }
    }
}
