//! The commands that run until they are stopped: API, workers, or both.

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sluicegate_core::job::QUEUES;
use sluicegate_core::moderation::ImageGate;
use sluicegate_postgres::{Pooling, spawn_wake_bridge};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::compose::{self, Ports};
use crate::http::{self, Bounds};
use crate::metrics::{self, MetricsServer};
use crate::places::Places;
use crate::settings::{Settings, without_password};
use crate::store::Starting;
use crate::{cli, program, queue, schema, signals};

/// How long at most the end waits for what goes on though its clients have left, after the drain: with that within the time
/// that orchestrators give us.
const LAST: Duration = Duration::from_secs(5);

/// `serve`.
pub async fn serve(settings: &Settings, options: cli::Serve) -> Result<ExitCode> {
    let shutdown = signals::stop_on_signal()?;
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("cannot listen on {}", settings.listen))?;
    run(settings, &program::own_file()?, options, listener, shutdown).await?;
    Ok(ExitCode::SUCCESS)
}

/// An origin from start to end: a function of settings, listener and shutdown, so that several can run
/// in one process. `program` is the file of `sluicegate-origin`, which is started again as the decoder and as
/// the embedded services. Says `listening on …` on stdout when it is ready.
pub async fn run(
    settings: &Settings,
    program: &Path,
    options: cli::Serve,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<()> {
    let queues = QUEUES.map(str::to_owned);
    let queues = if options.no_workers {
        &[][..]
    } else {
        &queues[..]
    };
    let Some(started) =
        Started::within(settings, program, options.migrate, queues, &shutdown).await?
    else {
        return Ok(());
    };
    if settings.edge_key.is_none() && settings.proxies.trusted.is_empty() {
        tracing::warn!(
            "neither EDGE_KEY nor TRUSTED_PROXIES is set: clients' addresses are not known: attempts are counted by handle alone"
        );
    }
    if settings.moderation.image_gate == ImageGate::Strict
        && settings.moderation.image_services.is_empty()
    {
        tracing::warn!(
            "MODERATION_IMAGE_GATE is strict and there is no detector: no picture is shown to everybody by itself"
        );
    }
    let tasks = TaskTracker::new();
    let app = compose::api(settings, &started.running.ports, &shutdown, &tasks)?;
    println!("listening on http://{}", listener.local_addr()?);
    let connections = usize::try_from(settings.work.connections)?;
    let bounds = Bounds {
        connections,
        drain: settings.drain,
    };
    let served = http::serve(listener, app, bounds, shutdown.clone());
    let (drained, ()) = tokio::join!(served, started.finish(&shutdown));
    if !drained {
        tracing::warn!("some requests were cut: they took longer than DRAIN_SECONDS");
    }
    tasks.close();
    if timeout(LAST, tasks.wait()).await.is_err() {
        tracing::warn!("what some clients had asked for before they left was cut");
    }
    started.leave().await
}

/// `work`.
pub async fn work(settings: &Settings, options: &cli::Work) -> Result<ExitCode> {
    let shutdown = signals::stop_on_signal()?;
    let program = program::own_file()?;
    // Workers read nothing that may be old.
    let settings = &Settings {
        database_read: Vec::new(),
        ..settings.clone()
    };
    let started = Started::within(settings, &program, false, &options.queues, &shutdown).await?;
    if let Some(started) = started {
        println!("working on {}", options.queues.join(", "));
        started.finish(&shutdown).await;
        started.leave().await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What `serve` and `work` have in common, running.
struct Started {
    places: Places,
    running: Running,
}

struct Running {
    ports: Ports,
    metrics: Option<MetricsServer>,
    background: tokio::sync::Mutex<JoinSet<()>>,
    /// Why the object store cannot be used, if that was told late.
    refusal: Arc<OnceLock<String>>,
}

impl Started {
    /// `None` if we are to stop before all is up.
    async fn within(
        settings: &Settings,
        program: &Path,
        migrate: bool,
        queues: &[String],
        shutdown: &CancellationToken,
    ) -> Result<Option<Self>> {
        // Boxed: it holds the setting up of every adapter.
        let start = Box::pin(Self::start(settings, program, migrate, queues, shutdown));
        shutdown.run_until_cancelled(start).await.transpose()
    }

    async fn start(
        settings: &Settings,
        program: &Path,
        migrate: bool,
        queues: &[String],
        shutdown: &CancellationToken,
    ) -> Result<Self> {
        let places = Places::find(settings, program).await?;
        match Self::start_at(&places, settings, program, migrate, queues, shutdown).await {
            Ok(running) => Ok(Self { places, running }),
            Err(error) => {
                // Whoever tries again at once must not find services that are about to stop.
                places.leave().await;
                Err(error)
            }
        }
    }

    async fn start_at(
        places: &Places,
        settings: &Settings,
        program: &Path,
        migrate: bool,
        queues: &[String],
        shutdown: &CancellationToken,
    ) -> Result<Running> {
        let pooling = schema::prepare(places, &settings.database_read, migrate).await?;
        let ports = compose::ports(settings, places, program).await?;
        let refusal = Arc::new(OnceLock::new());
        let store = Starting {
            objects: Arc::clone(&ports.objects),
            chosen: places.objects.clone(),
            rule: settings.store_probe,
            env: ports.env.clone(),
            refusal: Arc::clone(&refusal),
        };
        let store = store.look(shutdown.clone()).await?;
        announce(places, &ports, queues);
        if let Some(bull) = &ports.bull {
            queue::look_at(bull).await?;
        }
        let metrics = measure(settings, &ports).await?;
        let mut background = JoinSet::new();
        if let Some(store) = store {
            background.spawn(store);
        }
        let runner = compose::runner(settings, &ports, queues);
        match &ports.bull {
            Some(bull) => queue::spawn(bull, &ports, runner, &mut background, shutdown),
            None if queues.is_empty() => {}
            None => {
                background.spawn(runner.run(shutdown.clone()));
            }
        }
        for url in &settings.database_read {
            tracing::info!("replica: {}", without_password(url.expose()));
        }
        if pooling == Pooling::Session || settings.database_direct.is_some() {
            let url = places.direct_url.expose();
            let bridge = spawn_wake_bridge(url, ports.waker.clone(), shutdown.clone())?;
            background.spawn(async move {
                bridge.join_all().await;
            });
        } else {
            tracing::warn!(
                "behind a pooler and without DATABASE_DIRECT_URL, other processes learn of new jobs by polling"
            );
        }
        Ok(Running {
            ports,
            metrics,
            background: tokio::sync::Mutex::new(background),
            refusal,
        })
    }

    /// Until `shutdown`, and until everything in the background has ended after it.
    async fn finish(&self, shutdown: &CancellationToken) {
        let mut background = self.running.background.lock().await;
        let watch = async {
            while let Some(ended) = background.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "a background task broke");
                }
            }
        };
        tokio::join!(watch, self.places.keep_up(shutdown));
    }

    /// Ends it. An error if we end because of the store.
    async fn leave(self) -> Result<()> {
        if let Some(metrics) = self.running.metrics {
            metrics.stop().await;
        }
        self.running.ports.database.close().await;
        self.places.leave().await;
        tracing::info!("stopped");
        match self.running.refusal.get() {
            Some(refusal) => bail!("{refusal}"),
            None => Ok(()),
        }
    }
}

/// Serves what is counted, and says where.
async fn measure(settings: &Settings, ports: &Ports) -> Result<Option<MetricsServer>> {
    let Some(listener) = metrics::bind(settings.metrics).await? else {
        return Ok(None);
    };
    println!("metrics on http://{}/metrics", listener.local_addr()?);
    Ok(Some(MetricsServer::start(listener, ports)))
}

/// Which adapter each port has, a line each.
fn announce(places: &Places, ports: &Ports, queues: &[String]) {
    for line in &places.summary {
        tracing::info!("{line}");
    }
    match &ports.bull {
        None => tracing::info!("jobs: in the database"),
        Some(bull) => tracing::info!("jobs: in the database, and BullMQ at {}", bull.address()),
    }
    match ports.detector.name() {
        "none" => tracing::warn!("picture detector: none; pictures stay unreviewed"),
        name => tracing::info!("picture detector: {name}"),
    }
    match ports.text_model.name() {
        "none" => {
            tracing::info!("text model: none; posts are checked by rules and duplicates alone");
        }
        name => tracing::info!("text model: {name}"),
    }
    match queues {
        [] => tracing::info!("workers: none in this process"),
        queues => tracing::info!("workers: {}", queues.join(", ")),
    }
}
