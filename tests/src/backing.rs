//! What platforms stand on beside their embedded services, when the whole suite is run once more on other servers.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sluicegate_conformance::notes;
use sluicegate_conformance::servers::{
    Drives, Minio, PgBouncer, PostgresServer, RedisCluster, RedisServer, make_database,
};

use crate::metrics::Metrics;
use crate::platform::{Options, run_command, service, store_settings};
use crate::process::Program;

/// Names kinds of servers, with commas between them; `xtask/src/suites.rs` has them all. Without it: none.
const VARIABLE: &str = "SLUICEGATE_SUITE_ON";
/// Prepared statements that the pooler keeps for each connection of the server.
const STATEMENTS: u32 = 200;
/// Of all, as long as nobody sets another one.
const BUCKET: &str = "sluicegate";

/// They end with this value.
#[derive(Default)]
pub(crate) struct Backing {
    settings: Vec<(String, String)>,
    servers: Vec<(String, Server)>,
}

enum Server {
    Redis(RedisServer),
    Cluster(RedisCluster),
    Replicated {
        primary: PostgresServer,
        _replica: PostgresServer,
    },
    Pooler {
        pooler: PgBouncer,
        /// Ours.
        logins: usize,
    },
    Store(Minio),
}

impl Backing {
    /// Starts what the variable names, in front of and beside the services of this folder. What the options set stays as
    /// it is: the test has a server of its own.
    pub(crate) async fn start(data: &Path, options: &Options) -> Result<Self> {
        let kinds = std::env::var(VARIABLE).unwrap_or_default();
        let mut backing = Self::default();
        for kind in kinds.split(',').filter(|kind| !kind.is_empty()) {
            let sets = match kind {
                "replica" | "pgbouncer" => "DATABASE_URL",
                "redis" | "redis-tls" | "redis-cluster" => "REDIS_URL",
                "minio" | "minio-distributed" => "S3_ENDPOINT",
                other => bail!("{VARIABLE} names {other}, which nobody knows"),
            };
            if options.sets(sets) {
                continue;
            }
            let server = match kind {
                "replica" => Some(backing.replicated().await?),
                "pgbouncer" => backing.pooler(data).await?,
                "redis" => backing.redis(RedisServer::start(&[], VARIABLE).await),
                "redis-tls" => backing.redis(RedisServer::with_tls(VARIABLE).await),
                "redis-cluster" => backing.cluster().await,
                "minio" => backing.store(Drives::One).await,
                _ => backing.store(Drives::FourServers).await,
            };
            let server = server.with_context(|| format!("{kind} cannot be had"))?;
            backing.servers.push((kind.to_owned(), server));
        }
        Ok(backing)
    }

    /// The options, on these servers. What they set themselves comes last, and counts.
    pub(crate) fn beneath(&self, mut options: Options) -> Options {
        options.settings.splice(0..0, self.settings.iter().cloned());
        options
    }

    /// What an origin that names the store itself is told of it.
    pub(crate) fn store_settings(&self, data: &Path) -> Result<Vec<(String, String)>> {
        let own = self.settings.iter();
        let own: Vec<_> = own
            .filter(|(name, _)| name.starts_with("S3_"))
            .cloned()
            .collect();
        if own.is_empty() {
            return store_settings(data);
        }
        Ok(own)
    }

    /// Where the database is, past the pooler.
    pub(crate) fn database_url(&self, data: &Path) -> Result<String> {
        let own = ["DATABASE_DIRECT_URL", "DATABASE_URL"].map(|name| self.setting(name));
        match own.into_iter().flatten().next() {
            Some(url) => Ok(url.to_owned()),
            None => service(data, "database_url"),
        }
    }

    /// What keeps the objects of a folder of the bucket: files of the embedded store, folders of another one.
    pub(crate) fn objects(&self, data: &Path, folder: &str) -> Result<Vec<PathBuf>> {
        let of_others = self.servers.iter().find_map(|(_, server)| match server {
            Server::Store(store) => Some(store.drive(0).join(BUCKET)),
            _ => None,
        });
        let (within, begins) = match of_others {
            Some(bucket) => {
                ensure!(bucket.is_dir(), "no bucket");
                (bucket.join(folder), String::new())
            }
            None => (data.join("objects").join(BUCKET), format!("{folder}%2F")),
        };
        // Folders that nothing is in are gone.
        if begins.is_empty() && !within.is_dir() {
            return Ok(Vec::new());
        }
        let mut objects = Vec::new();
        for entry in std::fs::read_dir(&within).context("no bucket")? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&begins) {
                objects.push(entry.path());
            }
        }
        Ok(objects)
    }

    /// What all of them call themselves.
    pub(crate) fn names(&self) -> String {
        if self.servers.is_empty() {
            return "embedded services".to_owned();
        }
        let names = self.servers.iter().map(|(_, server)| server.name());
        names.collect::<Vec<_>>().join(", ")
    }

    /// Notes which of them this platform has used.
    pub(crate) async fn note_used(&self, origin: Option<&Program>) {
        for (kind, server) in &self.servers {
            if server.is_used(origin).await {
                notes::used(kind, &server.name());
            }
        }
    }

    fn redis(&mut self, redis: Option<RedisServer>) -> Option<Server> {
        let redis = redis?;
        self.set("REDIS_URL", redis.url());
        if let Some(file) = redis.authority_file() {
            self.set("REDIS_CA_FILE", file.to_string_lossy().into_owned());
        }
        Some(Server::Redis(redis))
    }

    async fn cluster(&mut self) -> Option<Server> {
        let cluster = RedisCluster::start(VARIABLE).await?;
        self.set("REDIS_URL", cluster.urls());
        Some(Server::Cluster(cluster))
    }

    async fn replicated(&mut self) -> Result<Server> {
        let (primary, replica) = PostgresServer::replicated().await;
        self.set("DATABASE_URL", primary.url("postgres"));
        self.set("DATABASE_READ_URL", replica.url("postgres"));
        self.migrate().await?;
        Ok(Server::Replicated {
            primary,
            _replica: replica,
        })
    }

    /// Before the database that is there already.
    async fn pooler(&mut self, data: &Path) -> Result<Option<Server>> {
        let direct = self.database_url(data)?;
        if self.setting("DATABASE_URL").is_none() {
            // The embedded one is made when it is first used; one that is named is nobody's to make or change unasked.
            make_database(&direct).await;
            self.set("DATABASE_URL", direct.clone());
            self.migrate().await?;
        }
        let Some(pooler) = PgBouncer::before(&direct, STATEMENTS, VARIABLE).await else {
            return Ok(None);
        };
        self.settings.retain(|(name, _)| name != "DATABASE_URL");
        self.set("DATABASE_URL", pooler.url());
        self.set("DATABASE_DIRECT_URL", direct);
        let logins = pooler.logins();
        Ok(Some(Server::Pooler { pooler, logins }))
    }

    async fn store(&mut self, drives: Drives) -> Option<Server> {
        let store = Minio::start(drives, VARIABLE).await?;
        self.set("S3_ENDPOINT", store.endpoint());
        self.set("S3_ACCESS_KEY_ID", Minio::ACCESS_KEY_ID.to_owned());
        self.set("S3_SECRET_ACCESS_KEY", Minio::SECRET_ACCESS_KEY.to_owned());
        Some(Server::Store(store))
    }

    async fn migrate(&self) -> Result<()> {
        run_command(&self.settings, &["migrate"]).await.map(drop)
    }

    fn set(&mut self, name: &str, value: String) {
        self.settings.push((name.to_owned(), value));
    }

    fn setting(&self, name: &str) -> Option<&str> {
        let mut settings = self.settings.iter();
        settings.find_map(|(set, value)| (set == name).then_some(value.as_str()))
    }
}

impl Server {
    fn name(&self) -> String {
        match self {
            Self::Redis(redis) => redis.version(),
            Self::Cluster(cluster) => cluster.version(),
            Self::Replicated { primary, .. } => format!("{} and a replica", primary.version()),
            Self::Pooler { pooler, .. } => pooler.version().to_owned(),
            Self::Store(store) => store.version(),
        }
    }

    /// By what it has seen of the programs. What a replica answered only the origin knows.
    async fn is_used(&self, origin: Option<&Program>) -> bool {
        match self {
            Self::Redis(redis) => redis.keys("bull:*") > 0,
            Self::Cluster(cluster) => cluster.keys("{bull}:*") > 0,
            Self::Replicated { .. } => match origin {
                Some(origin) => Metrics::of(origin).await.is_ok_and(|metrics| {
                    let by_replica = [("by", "replica")];
                    metrics.sum("sluicegate_database_public_reads_total", &by_replica) > 0.5
                }),
                None => false,
            },
            Self::Pooler { pooler, logins } => pooler.logins() > *logins,
            Self::Store(store) => store.drive(0).join(BUCKET).join("media").exists(),
        }
    }
}
