//! The platform under test: two workers apart from the origin, and proxies on the two ways that faults take.

use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::client::Client;
use crate::detector::Detector;
use crate::edge::{EdgePlace, start_edge};
use crate::platform::{
    ANY_PORT, Options, STOP_LIMIT, data_directory, service, settings, start_origin, start_services,
    start_worker, store_settings,
};
use crate::process::Program;
use crate::proxy::Proxy;
use crate::small_disk::SmallDisk;

/// Room for all that a run leaves there.
const DISK_MEBIBYTES: u32 = 128;
/// Workers beside the origin.
const WORKERS: usize = 2;

pub struct World {
    /// Between store and everybody.
    pub store: Proxy,
    /// Between edge and origin.
    pub line: Proxy,
    pub detector: Detector,
    /// Nothing where it was killed.
    pub origin: Option<Program>,
    pub edge: Option<Program>,
    pub workers: Vec<Option<Program>>,
    pub edge_url: String,
    /// Where the store keeps its files, if something can be mounted there.
    pub disk: Option<SmallDisk>,
    origin_url: String,
    options: Options,
    services: Program,
    data: TempDir,
}

impl World {
    pub async fn start() -> Result<Self> {
        let data = data_directory()?;
        let services = start_services(data.path(), &Options::default()).await?;
        let store = Proxy::start(&service(data.path(), "s3_endpoint")?).await?;
        let bucket = data.path().join("objects/sluicegate");
        std::fs::create_dir_all(&bucket)?;
        let disk = SmallDisk::mount(&bucket, DISK_MEBIBYTES);
        let detector = Detector::start().await?;
        let mut options = Options {
            no_workers: true,
            // So that nobody has to wait long for a client who is too slow.
            edge_arguments: vec!["--pace-seconds".to_owned(), "3".to_owned()],
            ..Options::default()
        };
        options.settings = store_settings(data.path())?;
        options.settings.retain(|(name, _)| name != "S3_ENDPOINT");
        let options = options
            .setting("S3_ENDPOINT", &store.url)
            .setting("MODERATION_IMAGE_SERVICE_URL", &detector.url)
            .setting("MODERATION_IMAGE_ASYNC", "true")
            .setting("MODERATION_CONTENT_ASYNC", "true");
        let (origin, origin_url) = start_origin(data.path(), &options, ANY_PORT).await?;
        let line = Proxy::start(&origin_url).await?;
        let place = EdgePlace {
            origin_url: &line.url,
            store_url: &store.url,
            listen: ANY_PORT,
        };
        let (edge, edge_url) = start_edge(data.path(), &options, &place).await?;
        let mut world = Self {
            store,
            line,
            detector,
            origin: Some(origin),
            edge: Some(edge),
            workers: (0..WORKERS).map(|_| None).collect(),
            edge_url,
            disk,
            origin_url,
            options,
            services,
            data,
        };
        world.heal().await?;
        Ok(world)
    }

    /// Somebody at the edge.
    pub fn client(&self) -> Result<Client> {
        Client::new(&self.edge_url)
    }

    /// Starts again what was killed, where it was, and ends what faults have left behind. Fails if
    /// something has ended that nobody killed.
    pub async fn heal(&mut self) -> Result<()> {
        self.services.must_run()?;
        let workers = self.workers.iter_mut().flatten();
        let others = self.origin.iter_mut().chain(self.edge.iter_mut());
        for program in others.chain(workers) {
            program.must_run()?;
        }
        self.detector.set_down(false);
        let data = self.data.path();
        if self.origin.is_none() {
            let address = self.origin_url.trim_start_matches("http://");
            self.origin = Some(start_origin(data, &self.options, address).await?.0);
        }
        if self.edge.is_none() {
            self.edge = Some(self.start_edge(Vec::new()).await?);
        }
        for worker in &mut self.workers {
            if worker.is_none() {
                *worker = Some(start_worker(data, &self.options).await?);
            }
        }
        Ok(())
    }

    /// Starts an edge where the last one was, with more in its environment.
    pub async fn start_edge(&self, environment: Vec<(String, String)>) -> Result<Program> {
        let options = Options {
            edge_environment: environment,
            ..self.options.clone()
        };
        let place = EdgePlace {
            origin_url: &self.line.url,
            store_url: &self.store.url,
            listen: self.edge_url.trim_start_matches("http://"),
        };
        Ok(start_edge(self.data.path(), &options, &place).await?.0)
    }

    /// The embedded services' process, whose child is the database.
    pub fn services(&self) -> &Program {
        &self.services
    }

    /// What programs are told that look at this world's data.
    pub fn settings(&self) -> Vec<(String, String)> {
        settings(self.data.path(), &self.options)
    }

    /// Ends everything in order.
    pub async fn stop(self) -> Result<()> {
        self.edge.context("the edge runs")?.stop(STOP_LIMIT).await?;
        for worker in self.workers.into_iter().flatten() {
            worker.stop(STOP_LIMIT).await?;
        }
        let origin = self.origin.context("the origin runs")?;
        origin.stop(STOP_LIMIT).await?;
        self.services.stop_by_input(STOP_LIMIT).await
    }
}

/// How long a fault may take to happen.
pub const FAULT_LIMIT: Duration = Duration::from_secs(30);
