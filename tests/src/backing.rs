//! What platforms stand on beside their embedded services, when the whole suite is run once more on other servers.

use std::any::Any;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sluicegate_conformance::servers::{PgBouncer, RedisServer, make_database};

use crate::platform::{Options, run_command, service};

/// Names them, with commas between them: `pgbouncer`, `redis`. Without it: none.
const VARIABLE: &str = "SLUICEGATE_SUITE_ON";
/// Prepared statements that the pooler keeps for each connection of the server.
const STATEMENTS: u32 = 200;

/// They end with this value.
#[derive(Default)]
pub(crate) struct Backing {
    settings: Vec<(String, String)>,
    servers: Vec<Box<dyn Any + Send + Sync>>,
}

impl Backing {
    /// Starts what the variable names, in front of and beside the services of this folder. What the options set stays as
    /// it is: the test has a server of its own.
    pub(crate) async fn start(data: &Path, options: &Options) -> Result<Self> {
        let names = std::env::var(VARIABLE).unwrap_or_default();
        let mut backing = Self::default();
        for name in names.split(',').filter(|name| !name.is_empty()) {
            match name {
                "redis" if !options.sets("REDIS_URL") => backing.redis().await?,
                "pgbouncer" if !options.sets("DATABASE_URL") => backing.pooler(data).await?,
                "redis" | "pgbouncer" => {}
                other => bail!("{VARIABLE} names {other}, which nobody knows"),
            }
        }
        Ok(backing)
    }

    /// The options, on these servers. What they set themselves comes last, and counts.
    pub(crate) fn beneath(&self, mut options: Options) -> Options {
        options.settings.splice(0..0, self.settings.iter().cloned());
        options
    }

    async fn redis(&mut self) -> Result<()> {
        let redis = RedisServer::start(&[], VARIABLE).await;
        let redis = redis.context("no redis-server")?;
        self.set("REDIS_URL", redis.url());
        self.servers.push(Box::new(redis));
        Ok(())
    }

    async fn pooler(&mut self, data: &Path) -> Result<()> {
        let direct = service(data, "database_url")?;
        // The embedded one is made when it is first used; one that is named is nobody's to make or change unasked.
        make_database(&direct).await;
        let setting = [("DATABASE_URL".to_owned(), direct.clone())];
        run_command(&setting, &["migrate"]).await?;
        let pooler = PgBouncer::before(&direct, STATEMENTS, VARIABLE).await;
        let pooler = pooler.context("no PgBouncer")?;
        self.set("DATABASE_URL", pooler.url());
        self.set("DATABASE_DIRECT_URL", direct);
        self.servers.push(Box::new(pooler));
        Ok(())
    }

    fn set(&mut self, name: &str, value: String) {
        self.settings.push((name.to_owned(), value));
    }
}
