//! A store for each side of the drill, and the services of the other side.

use std::path::Path;

use sluicegate_conformance::servers::{Drives, Minio, make_database};
use sluicegate_tests::platform::{service, store_settings};
use sluicegate_tests::process::{Program, program};

use super::{Environment, LIMIT};

/// A store of its own for one side of the drill.
pub(super) struct Store(pub(super) Minio);

impl Store {
    pub(super) async fn start(test: &str) -> Option<Self> {
        Minio::start(Drives::One, test).await.map(Self)
    }

    /// What an origin is told of it.
    pub(super) fn settings(&self) -> impl Iterator<Item = (String, String)> {
        let settings = [
            ("S3_ENDPOINT", self.0.endpoint()),
            ("S3_ACCESS_KEY_ID", Minio::ACCESS_KEY_ID.to_owned()),
            ("S3_SECRET_ACCESS_KEY", Minio::SECRET_ACCESS_KEY.to_owned()),
        ];
        let named = |(name, value): (&str, String)| (name.to_owned(), value);
        settings.into_iter().map(named)
    }
}

/// What the scripts are told; a store of its own comes last, and counts.
pub(super) fn environment(
    database_url: String,
    services: Vec<(String, String)>,
    store: &Store,
    data: &Path,
    aws: &Path,
) -> Environment {
    let postgres = std::env::var("SLUICEGATE_POSTGRES_BIN").unwrap_or_default();
    let path = std::env::var("PATH").unwrap_or_default();
    let own = [
        ("PATH", format!("{}:{postgres}:{path}", aws.display())),
        ("HOME", data.to_string_lossy().into_owned()),
        ("DATABASE_URL", database_url),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value));
    let all = own.into_iter().chain(services);
    all.chain(store.settings()).collect()
}

/// Services elsewhere, with an empty database; what they are told, and what scripts are.
pub(super) async fn start_elsewhere(
    place: &Path,
    store: &Store,
    aws: &Path,
    settings: [(String, String); 2],
) -> (Program, Environment, Environment) {
    let data = place.to_str().unwrap().to_owned();
    let mut told = vec![("SLUICEGATE_DATA".to_owned(), data)];
    let postgres = std::env::var("SLUICEGATE_POSTGRES_BIN").ok();
    told.extend(postgres.map(|folder| ("SLUICEGATE_POSTGRES_BIN".to_owned(), folder)));
    let origin = program("sluicegate-origin").unwrap();
    let mut services = Program::start(&origin, &["services", "--with-parent"], &told).unwrap();
    services
        .wait_for_line("services are ready", LIMIT)
        .await
        .unwrap();
    let (database, embedded) = (service(place, "database_url"), store_settings(place));
    let (database, embedded) = (database.unwrap(), embedded.unwrap());
    let there = environment(database, embedded, store, place, aws);
    make_database(&there["DATABASE_URL"]).await;
    told.extend(store.settings());
    told.extend(settings);
    (services, told.into_iter().collect(), there)
}
