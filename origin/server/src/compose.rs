//! What is made of which setting: one page, one `match` a port.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::middleware::from_fn_with_state;
use sluicegate_api::{ApiConfig, ApiState, EdgeKey, JwtSecret};
use sluicegate_bullmq::Bull;
use sluicegate_core::env::Env;
use sluicegate_core::erasure::Erasure;
use sluicegate_core::job::{IMAGE_QUEUE, MAINTENANCE_QUEUE, POST_QUEUE, PURGE_QUEUE};
use sluicegate_core::pictures::Pictures;
use sluicegate_core::ports::{
    AnnouncedCache, Detector, NoCache, ObjectStore, OneDatabase, PictureMaker, PublicCache,
    PublicReads, PurgeHook, RequestLimiter, SharedOrOwn, TextModel,
};
use sluicegate_core::sweep::{Sweep, SweepRules};
use sluicegate_core::text::TextPolicy;
use sluicegate_core::wake::Waker;
use sluicegate_local::{
    HttpDetector, HttpPurgeHook, LocalCache, LocalLimiter, NoDetector, NoModel, NoPurgeHook,
    OllamaModel, OpenAiModel, PurgeLimits, ServiceLimits, http_client, system_env,
};
use sluicegate_picture::{CHILD_COMMAND, ChildLimits, ChildPictureMaker};
use sluicegate_postgres::Database;
use sluicegate_postgres::replicas::Replicas;
use sluicegate_redis::{Patience, RedisCache, RedisLimiter, Shared};
use sluicegate_s3::S3ObjectStore;
use sluicegate_worker::{QueueSettings, Runner, RunnerSettings, WorkerContext, registry};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::measured::{
    MeasuredDetector, MeasuredJob, MeasuredMaker, MeasuredModel, MeasuredObjects,
};
use crate::metrics::{Metrics, requests};
use crate::places::Places;
use crate::queue::CALL;
use crate::settings::{
    ModelApi, ModelSettings, ModerationSettings, PublicCaching, PurgeSettings, Secret, Settings,
};

/// Calls of the purge hook at once, each process: they wait for somebody else, and cost nothing here.
const PURGE_JOBS: u32 = 4;

/// How long a replica may take to answer before the primary is asked instead.
const REPLICA_PATIENCE: Duration = Duration::from_secs(2);

/// One is enough, and another may be stuck.
const MAINTENANCE_JOBS: u32 = 2;

/// Of what strangers read, in memory.
const CACHED_BYTES: usize = 32 * 1024 * 1024;

/// How much older than it may be a replica's answer is, at most, when it arrives here.
const REPLICA_SETTLES: Duration = Duration::from_secs(1);

/// Whose requests are counted in memory at most: some 10 MB.
const COUNTED: usize = 100_000;

/// All ports, each with its adapter.
pub struct Ports {
    /// Time, ids and randomness.
    pub env: Env,
    /// Everything that is kept in tables.
    pub database: Database,
    /// What everybody may read of it.
    pub reads: Arc<dyn PublicReads>,
    /// What strangers read, kept for a moment.
    pub cache: Arc<dyn PublicCache>,
    /// What counts requests.
    pub limiter: Arc<dyn RequestLimiter>,
    /// The bytes of pictures.
    pub objects: Arc<dyn ObjectStore>,
    /// What judges pictures.
    pub detector: Arc<dyn Detector>,
    /// What tells caches of removed pictures.
    pub purge: Arc<dyn PurgeHook>,
    /// What judges texts.
    pub text_model: Arc<dyn TextModel>,
    /// The rules for posts.
    pub policy: Arc<TextPolicy>,
    /// What turns uploads into pictures.
    pub pictures: Pictures,
    /// The queues on Redis; `None`: jobs are in the database alone.
    pub bull: Option<Arc<Bull>>,
    /// What tells workers of new jobs.
    pub waker: Waker,
    /// What all of them count.
    pub metrics: Metrics,
}

/// Chooses adapters. `program` is this program's file: it is started again as the decoder.
pub async fn ports(settings: &Settings, places: &Places, program: &Path) -> Result<Ports> {
    let env = system_env();
    let waker = Waker::new();
    let database = database(settings, places).await?;
    let replicas = replicas(settings, &database)?;
    let shared = settings.shared.clone();
    let shared = shared.map(|address| Arc::new(Shared::new(address, Patience::default())));
    let moderation = &settings.moderation;
    let detectors = detectors(moderation, &env)?;
    let standings = detectors.as_ref().map(HttpDetector::standings);
    let metrics = Metrics::new(&env, &database, replicas.clone(), standings);
    let objects = Arc::new(S3ObjectStore::new(&places.objects));
    let objects: Arc<dyn ObjectStore> = Arc::new(MeasuredObjects::new(objects, metrics.clone()));
    let maker = MeasuredMaker::new(picture_maker(settings, program), metrics.clone());
    let cache = cache(settings, shared.as_ref(), &env);
    let pictures = Pictures {
        env: env.clone(),
        cache: Arc::clone(&cache),
        uploads: database.uploads(),
        objects: Arc::clone(&objects),
        maker: Arc::new(maker),
        waker: waker.clone(),
    };
    metrics.judge_configured("picture", !moderation.image_services.is_empty());
    metrics.judge_configured("text", moderation.model.is_some());
    let detector = MeasuredDetector::new(one_detector(detectors), metrics.clone());
    let text_model = MeasuredModel::new(text_model(moderation, &env)?, metrics.clone());
    Ok(Ports {
        detector: Arc::new(detector),
        text_model: Arc::new(text_model),
        policy: policy(moderation)?,
        purge: purge_hook(settings.purge.as_ref())?,
        reads: reads(replicas, &database),
        cache,
        limiter: limiter(shared.as_ref(), &env),
        bull: bull(settings),
        env,
        database,
        objects,
        pictures,
        waker,
        metrics,
    })
}

/// The queues on Redis; connects when it is first needed.
fn bull(settings: &Settings) -> Option<Arc<Bull>> {
    let address = settings.redis.clone()?;
    Some(Arc::new(Bull::new(address, CALL)))
}

/// The database.
pub async fn database(settings: &Settings, places: &Places) -> Result<Database> {
    let options = sluicegate_postgres::Options {
        max_connections: settings.database_pool,
        ..sluicegate_postgres::Options::default()
    };
    Database::connect(places.database_url.expose(), &options)
        .await
        .context("cannot use the database")
}

/// Those that are named, watched from here on.
fn replicas(settings: &Settings, database: &Database) -> Result<Option<Replicas>> {
    if settings.database_read.is_empty() {
        return Ok(None);
    }
    let urls = settings.database_read.iter().map(Secret::expose);
    let options = sluicegate_postgres::replicas::Options {
        pool: sluicegate_postgres::Options {
            max_connections: settings.database_pool,
            acquire_timeout: REPLICA_PATIENCE,
            call_timeout: REPLICA_PATIENCE,
        },
        lag_limit: settings.database_read_lag,
    };
    let replicas = Replicas::watch(database, urls, &options).context("DATABASE_READ_URL")?;
    Ok(Some(replicas))
}

fn reads(replicas: Option<Replicas>, database: &Database) -> Arc<dyn PublicReads> {
    match replicas {
        Some(replicas) => Arc::new(replicas),
        None => Arc::new(OneDatabase {
            accounts: database.accounts(),
            posts: database.posts(),
        }),
    }
}

/// For all origins together where they share a Redis, for this process while it is down.
fn limiter(shared: Option<&Arc<Shared>>, env: &Env) -> Arc<dyn RequestLimiter> {
    let own = Arc::new(LocalLimiter::new(env.clone(), COUNTED));
    match shared {
        None => own,
        Some(redis) => {
            let limiter = RedisLimiter::new(Arc::clone(redis));
            Arc::new(SharedOrOwn::new(Arc::new(limiter), own, env.clone()))
        }
    }
}

/// On the Redis that origins share. In memory only where that is said: a process hears of no other one's changes.
fn cache(settings: &Settings, shared: Option<&Arc<Shared>>, env: &Env) -> Arc<dyn PublicCache> {
    let settles = if settings.database_read.is_empty() {
        Duration::ZERO
    } else {
        settings.database_read_lag + REPLICA_SETTLES
    };
    match (settings.cache, shared) {
        (PublicCaching::Process, _) => {
            Arc::new(LocalCache::new(env.clone(), CACHED_BYTES, settles))
        }
        (PublicCaching::Shared, Some(redis)) => {
            let cache = RedisCache::new(Arc::clone(redis), env.clone(), settles);
            Arc::new(AnnouncedCache::new(Arc::new(cache), env.clone()))
        }
        (PublicCaching::Shared, None) | (PublicCaching::Off, _) => Arc::new(NoCache),
    }
}

fn picture_maker(settings: &Settings, program: &Path) -> Arc<dyn PictureMaker> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let at_once = settings.work.picture_children.map_or(cores, size);
    Arc::new(ChildPictureMaker::new(
        program,
        [CHILD_COMMAND],
        ChildLimits::default(),
        at_once,
    ))
}

/// The picture detectors, as one.
pub fn detector(moderation: &ModerationSettings, env: &Env) -> Result<Arc<dyn Detector>> {
    detectors(moderation, env).map(one_detector)
}

fn one_detector(detectors: Option<HttpDetector>) -> Arc<dyn Detector> {
    match detectors {
        Some(detectors) => Arc::new(detectors),
        None => Arc::new(NoDetector),
    }
}

fn detectors(moderation: &ModerationSettings, env: &Env) -> Result<Option<HttpDetector>> {
    if moderation.image_services.is_empty() {
        return Ok(None);
    }
    let urls = moderation.image_services.iter().map(Secret::expose);
    let limits = ServiceLimits::detectors(moderation.image_services.len());
    let limits = ServiceLimits {
        at_once: moderation.image_services_at_once,
        ..limits
    };
    let detector = HttpDetector::new(urls, &http_client()?, env, limits);
    detector.map(Some).context("MODERATION_IMAGE_SERVICE_URL")
}

/// What tells caches of removed pictures.
pub fn purge_hook(purge: Option<&PurgeSettings>) -> Result<Arc<dyn PurgeHook>> {
    Ok(match purge {
        None => Arc::new(NoPurgeHook),
        Some(PurgeSettings { url, key }) => {
            let key = key.as_ref().map(crate::settings::Secret::expose);
            let limits = PurgeLimits::default();
            let hook = HttpPurgeHook::new(url.expose(), key, http_client()?, limits);
            Arc::new(hook.context("PURGE_HOOK_URL and PURGE_HOOK_KEY")?)
        }
    })
}

/// The text model.
pub fn text_model(moderation: &ModerationSettings, env: &Env) -> Result<Arc<dyn TextModel>> {
    let Some(ModelSettings {
        url,
        api,
        name,
        key,
    }) = &moderation.model
    else {
        return Ok(Arc::new(NoModel));
    };
    let settings = sluicegate_local::ModelSettings {
        url: url.expose().to_owned(),
        model: name.clone(),
        client: http_client()?,
        env: env.clone(),
        limits: ServiceLimits::model(),
    };
    let key = key.as_ref().map(|key| key.expose().to_owned());
    Ok(match api {
        ModelApi::Ollama => Arc::new(OllamaModel::new(settings).context("MODERATION_MODEL_URL")?),
        ModelApi::OpenAi => {
            Arc::new(OpenAiModel::new(settings, key).context("MODERATION_MODEL_URL")?)
        }
    })
}

/// The rules for posts.
pub fn policy(moderation: &ModerationSettings) -> Result<Arc<TextPolicy>> {
    match &moderation.policy {
        Some(policy) => Ok(Arc::clone(policy)),
        None => Ok(Arc::new(TextPolicy::embedded()?)),
    }
}

/// The API on these ports.
pub fn api(
    settings: &Settings,
    ports: &Ports,
    shutdown: &CancellationToken,
    tasks: &TaskTracker,
) -> Result<axum::Router> {
    let router = sluicegate_api::router(ApiState {
        env: ports.env.clone(),
        accounts: ports.database.accounts(),
        sessions: ports.database.sessions(),
        signing_keys: ports.database.signing_keys(),
        uploads: ports.database.uploads(),
        answers: ports.database.answers(),
        posts: ports.database.posts(),
        reads: Arc::clone(&ports.reads),
        cache: Arc::clone(&ports.cache),
        limiter: Arc::clone(&ports.limiter),
        objects: Arc::clone(&ports.objects),
        pictures: ports.pictures.clone(),
        detector: Arc::clone(&ports.detector),
        text_policy: Arc::clone(&ports.policy),
        waker: ports.waker.clone(),
        observer: Arc::new(ports.metrics.clone()),
        shutdown: shutdown.clone(),
        tasks: tasks.clone(),
        config: api_config(settings)?,
    });
    Ok(router.layer(from_fn_with_state(ports.metrics.clone(), requests::measure)))
}

fn api_config(settings: &Settings) -> Result<ApiConfig> {
    let jwt_secret = settings
        .tokens
        .secret
        .as_ref()
        .map(|secret| JwtSecret::new(secret.expose()));
    Ok(ApiConfig {
        issuer: settings.tokens.issuer.clone(),
        audience: settings.tokens.audience.clone(),
        jwt_secret: jwt_secret.transpose().context("JWT_SECRET")?,
        edge_key: settings
            .edge_key
            .as_ref()
            .map(|key| EdgeKey::new(key.expose())),
        proxies: settings.proxies.clone(),
        image_sync: !settings.moderation.image_async,
        image_checks: !settings.moderation.image_services.is_empty(),
        image_gate: settings.moderation.image_gate,
        content_sync: !settings.moderation.content_async,
        direct_uploads: settings.public_store.is_some(),
        on_demand_cap: settings.work.pictures_on_demand,
        staging_budget: settings.staging_budget,
        limits: settings.limits.clone(),
        ..ApiConfig::default()
    })
}

/// What deletes that which nobody needs.
pub fn sweep(ports: &Ports) -> Sweep {
    Sweep {
        env: ports.env.clone(),
        store: ports.database.sweep(),
        objects: Arc::clone(&ports.objects),
        waker: ports.waker.clone(),
        rules: SweepRules::default(),
    }
}

/// Workers for these queues on these ports.
pub fn runner(settings: &Settings, ports: &Ports, queues: &[String]) -> Runner {
    let context = WorkerContext {
        env: ports.env.clone(),
        accounts: ports.database.accounts(),
        uploads: ports.database.uploads(),
        posts: ports.database.posts(),
        objects: Arc::clone(&ports.objects),
        pictures: ports.pictures.clone(),
        gate: settings.moderation.image_gate,
        detector: Arc::clone(&ports.detector),
        purge: Arc::clone(&ports.purge),
        text_model: Arc::clone(&ports.text_model),
        policy: Arc::clone(&ports.policy),
        erasure: Erasure {
            env: ports.env.clone(),
            store: ports.database.erasure(),
            objects: Arc::clone(&ports.objects),
            purge: Arc::clone(&ports.purge),
        },
        sweep: sweep(ports),
        cache: Arc::clone(&ports.cache),
        waker: ports.waker.clone(),
        observer: Arc::new(ports.metrics.clone()),
    };
    let jobs = registry(&context).map(|job| Arc::new(MeasuredJob::new(job, ports.metrics.clone())));
    let all = [
        (IMAGE_QUEUE, settings.work.image_jobs),
        (POST_QUEUE, settings.work.post_jobs),
        (MAINTENANCE_QUEUE, MAINTENANCE_JOBS),
        (PURGE_QUEUE, PURGE_JOBS),
    ];
    let chosen = all
        .into_iter()
        .filter(|(queue, _)| queues.iter().any(|name| name == queue));
    let mut how = RunnerSettings::new(worker_name(&ports.env));
    how.queues = chosen
        .map(|(queue, concurrency)| QueueSettings { queue, concurrency })
        .collect();
    how.rates = settings.work.rates.clone();
    how.drain = settings.drain;
    Runner::new(
        ports.database.jobs(),
        jobs,
        ports.env.clone(),
        ports.waker.clone(),
        how,
    )
}

/// No two workers have the same: by it an owner's share is counted. In containers all are process 1, and a pod may keep its
/// name over a restart.
fn worker_name(env: &Env) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let random = u32::from_be_bytes(env.random());
    format!("{}-{}-{random:08x}", host.trim(), std::process::id())
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
