//! Settings: read from the environment once, all errors together, before anything listens.
//!
//! `settings.env` beside this crate is the reference of every variable; a test keeps the two in step.

mod detector;
mod limits;
mod purge;
mod reader;
mod redis;
mod secret;
mod stores;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sluicegate_contract::proxies::{ForwardedHeader, Proxies};
use sluicegate_core::fair::Rates;
use sluicegate_core::limits::Limits;
use sluicegate_core::moderation::ImageGate;
use sluicegate_core::text::TextPolicy;
use sluicegate_redis_address::RedisAddress;

pub use self::redis::PublicCaching;
pub use detector::DetectorSettings;
pub use purge::PurgeSettings;
pub use reader::{Shown, WrongSetting, WrongSettings};
pub use secret::{Secret, without_password};

use reader::Reader;

/// The commented reference of every variable.
pub const REFERENCE: &str = include_str!("../../settings.env");

/// HS256 needs a key as long as its hash (RFC 7518, section 3.2).
const JWT_SECRET_BYTES: usize = 32;
/// A key that can be guessed is worse than none, for it looks like one.
const EDGE_KEY_BYTES: usize = 16;

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where embedded services and caches live; `None`: the platform's place.
    pub data: Option<PathBuf>,
    /// Folder of the programs of Postgres; `None`: looked for.
    pub postgres_bin: Option<PathBuf>,
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Where metrics are served.
    pub metrics: MetricsListen,
    /// The database; `None`: the embedded Postgres.
    pub database: Option<Secret>,
    /// Past a pooler in transaction mode, for migrations and wake-ups.
    pub database_direct: Option<Secret>,
    /// Replicas of it, for public reads.
    pub database_read: Vec<Secret>,
    /// The oldest data of a replica that is shown.
    pub database_read_lag: Duration,
    /// The queue on Redis; `None`: jobs are in the database alone.
    pub redis: Option<RedisAddress>,
    /// What origins share on Redis, which may be another one; `None`: nothing.
    pub shared: Option<RedisAddress>,
    /// Where strangers' reads are kept for a moment.
    pub cache: PublicCaching,
    /// Most connections to the database.
    pub database_pool: u32,
    /// The object store; `None`: the embedded one.
    pub objects: Option<ObjectSettings>,
    /// The bucket, in either store.
    pub bucket: String,
    /// The store as clients reach it; `None`: they do not.
    pub public_store: Option<PublicStore>,
    /// What becomes of a store that does not enforce what presigned URLs promise.
    pub store_probe: StoreProbe,
    /// Other sites whose pages may send files to the embedded store.
    pub cors_origins: Vec<String>,
    /// Access tokens.
    pub tokens: TokenSettings,
    /// What edges show to prove that they are ours.
    pub edge_key: Option<Secret>,
    /// Who else is believed about clients' addresses.
    pub proxies: Proxies,
    /// What judges.
    pub moderation: ModerationSettings,
    /// Of the command `detector`.
    pub detector: DetectorSettings,
    /// What tells caches of removed pictures; `None`: nobody.
    pub purge: Option<PurgeSettings>,
    /// How much is done at once.
    pub work: WorkSettings,
    /// What clients may do.
    pub limits: Limits,
    /// Bytes that clients' files may take in the store before pictures are made of them.
    pub staging_budget: u64,
    /// How long requests and jobs may go on after the signal to stop.
    pub drain: Duration,
    /// How logs look.
    pub log: LogFormat,
    /// Which logs are written.
    pub log_filter: String,
    /// Where traces go; `None`: nowhere.
    pub traces: Option<TraceSettings>,
    /// Every variable, for `doctor`.
    pub shown: Vec<Shown>,
}

/// Where clients reach the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicStore {
    /// Where the origin does.
    Same,
    /// At this URL.
    At(String),
}

/// What becomes of a store that does not enforce what presigned URLs promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreProbe {
    /// Nothing starts on it.
    Require,
    /// It is logged, unless clients have such URLs themselves.
    Warn,
}

/// Where metrics are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsListen {
    /// Nowhere.
    Off,
    /// There, and nowhere else.
    Chosen(SocketAddr),
    /// There if that is free: nobody chose it.
    Default(SocketAddr),
}

/// An S3-compatible store.
#[derive(Debug, Clone)]
pub struct ObjectSettings {
    /// As the origin reaches it.
    pub endpoint: String,
    /// As edges reach it.
    pub edge_endpoint: String,
    /// Part of every signature.
    pub region: String,
    /// Who we are there.
    pub access_key_id: String,
    /// The proof of it.
    pub secret_access_key: Secret,
}

/// How access tokens are signed.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// The shared secret; `None`: key pairs kept in the database.
    pub secret: Option<Secret>,
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
}

/// What judges, and when.
#[derive(Debug, Clone)]
pub struct ModerationSettings {
    /// Posts are published first and checked after.
    pub content_async: bool,
    /// Pictures are taken first and checked after.
    pub image_async: bool,
    /// Who sees pictures that nobody has judged.
    pub image_gate: ImageGate,
    /// The picture detectors, all alike; none: there is none.
    pub image_services: Vec<Secret>,
    /// How many pictures each of them is asked about at once, by one process.
    pub image_services_at_once: u32,
    /// Where the rules for posts come from; `None`: they are the built-in ones.
    pub policy_file: Option<PathBuf>,
    /// The rules in that file.
    pub policy: Option<Arc<TextPolicy>>,
    /// The text model.
    pub model: Option<ModelSettings>,
}

/// A chat model.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// Its server.
    pub url: Secret,
    /// The server's language.
    pub api: ModelApi,
    /// The model's name there.
    pub name: String,
    /// The key to it.
    pub key: Option<Secret>,
}

/// The languages of model servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelApi {
    /// Ollama's `/api/chat`.
    Ollama,
    /// `/v1/chat/completions`.
    OpenAi,
}

/// How much is done at once.
#[derive(Debug, Clone)]
pub struct WorkSettings {
    /// Picture jobs at once.
    pub image_jobs: u32,
    /// Post jobs at once.
    pub post_jobs: u32,
    /// How many jobs of a queue may begin in a time, all processes together.
    pub rates: Rates,
    /// Decoder children at once; `None`: one a core.
    pub picture_children: Option<u32>,
    /// Pictures made on demand at once, all origins together.
    pub pictures_on_demand: u32,
    /// Connections at once.
    pub connections: u32,
}

/// Where traces go.
#[derive(Debug, Clone)]
pub struct TraceSettings {
    /// The collector; `/v1/traces` is added.
    pub endpoint: String,
    /// Sent with each request.
    pub headers: Vec<(String, Secret)>,
    /// Under which name.
    pub service: String,
    /// How many of all traces, 0 to 1.
    pub ratio: f64,
}

impl TraceSettings {
    /// The headers as they are sent.
    pub fn headers(&self) -> Vec<(String, String)> {
        let headers = self.headers.iter();
        headers
            .map(|(name, value)| (name.clone(), value.expose().to_owned()))
            .collect()
    }
}

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl Settings {
    /// Reads the process's environment.
    pub fn from_env() -> Result<Self, WrongSettings> {
        Self::parse(&|name| std::env::var_os(name).map(|text| text.to_string_lossy().into_owned()))
    }

    /// Reads what `look_up` finds. Every variable is looked at before the first error is returned.
    pub fn parse(look_up: &dyn Fn(&str) -> Option<String>) -> Result<Self, WrongSettings> {
        let mut reader = Reader::new(look_up);
        refuse_unsupported(&mut reader);
        let moderation = moderation(&mut reader);
        let redis::Redis { queue, shared } = redis::redis(&mut reader);
        let mut settings = Self {
            data: reader.path("SLUICEGATE_DATA"),
            postgres_bin: reader.path("SLUICEGATE_POSTGRES_BIN"),
            listen: reader.address("SLUICEGATE_LISTEN", "127.0.0.1:8080"),
            metrics: reader.metrics_address("METRICS_LISTEN", "127.0.0.1:9180"),
            database: reader.postgres_url("DATABASE_URL"),
            database_direct: reader.postgres_url("DATABASE_DIRECT_URL"),
            database_read: reader.postgres_urls("DATABASE_READ_URL"),
            database_read_lag: Duration::from_millis(
                reader
                    .number("DATABASE_READ_LAG_MS", "2000", 1_000..=4_000)
                    .into(),
            ),
            redis: queue,
            shared,
            cache: redis::caching(&mut reader),
            database_pool: reader.number("DATABASE_POOL", "16", 2..=1_000),
            objects: stores::objects(&mut reader),
            bucket: stores::bucket(&mut reader),
            public_store: stores::public(&mut reader),
            store_probe: stores::probe(&mut reader),
            cors_origins: stores::cors_origins(&mut reader),
            tokens: TokenSettings {
                secret: reader.long_secret("JWT_SECRET", JWT_SECRET_BYTES),
                issuer: reader.text_or("JWT_ISSUER", "sluicegate"),
                audience: reader.text_or("JWT_AUDIENCE", "sluicegate"),
            },
            edge_key: reader.long_secret("EDGE_KEY", EDGE_KEY_BYTES),
            proxies: proxies(&mut reader),
            moderation,
            detector: detector::detector(&mut reader),
            purge: purge::purge(&mut reader),
            work: work(&mut reader),
            limits: limits::limits(&mut reader),
            staging_budget: staging_budget(&mut reader),
            drain: Duration::from_secs(reader.number("DRAIN_SECONDS", "25", 1..=3_600).into()),
            log: log_format(&mut reader),
            log_filter: log_filter(&mut reader),
            traces: traces(&mut reader),
            shown: Vec::new(),
        };
        let (shown, mut wrong) = reader.finish();
        settings.shown = shown;
        let rule = if settings.database.is_some() {
            None
        } else if settings.database_direct.is_some() {
            Some("is missing: DATABASE_DIRECT_URL is a second way to the same database")
        } else if settings.database_read.is_empty() {
            None
        } else {
            Some("is missing: DATABASE_READ_URL names replicas of it")
        };
        wrong.extend(rule.map(|rule| WrongSetting {
            name: "DATABASE_URL",
            rule: rule.to_owned(),
        }));
        if wrong.is_empty() {
            Ok(settings)
        } else {
            Err(WrongSettings(wrong))
        }
    }
}

/// Variables of the wider design that this version cannot honour. Ignoring them would look like obeying.
fn refuse_unsupported(reader: &mut Reader<'_>) {
    const UNSUPPORTED: [(&str, &str); 2] = [
        (
            "MEILI_URL",
            "is not supported by this version: there is no search yet",
        ),
        (
            "NEO4J_URL",
            "is not supported by this version: there is no graph yet",
        ),
    ];
    for (name, rule) in UNSUPPORTED {
        reader.refuse(name, rule);
    }
}

fn proxies(reader: &mut Reader<'_>) -> Proxies {
    let blocks = reader.text("TRUSTED_PROXIES").unwrap_or_default();
    let blocks = blocks.split(',').filter(|block| !block.trim().is_empty());
    let trusted = blocks.map(str::parse).collect::<Result<Vec<_>, _>>();
    let headers = ForwardedHeader::ALL.map(|header| (header.as_str(), header));
    let header = reader.choice("PROXY_HEADER", "x-forwarded-for", &headers);
    Proxies {
        trusted: trusted.unwrap_or_else(|error| {
            let rule = format!("must be addresses or blocks separated by commas; one is {error}");
            reader.wrong("TRUSTED_PROXIES", rule);
            Vec::new()
        }),
        header: header.unwrap_or_default(),
    }
}

fn moderation(reader: &mut Reader<'_>) -> ModerationSettings {
    let policy_file = reader.path("MODERATION_POLICY_FILE");
    ModerationSettings {
        content_async: reader.flag("MODERATION_CONTENT_ASYNC"),
        image_async: reader.flag("MODERATION_IMAGE_ASYNC"),
        image_gate: image_gate(reader),
        image_services: reader.http_urls("MODERATION_IMAGE_SERVICE_URL"),
        image_services_at_once: reader.number(
            "MODERATION_IMAGE_SERVICE_CONCURRENCY",
            "8",
            1..=1_000,
        ),
        policy: policy_file.as_deref().and_then(|path| policy(reader, path)),
        policy_file,
        model: model(reader),
    }
}

fn image_gate(reader: &mut Reader<'_>) -> ImageGate {
    let gates = [("open", ImageGate::Open), ("strict", ImageGate::Strict)];
    reader
        .choice("MODERATION_IMAGE_GATE", "open", &gates)
        .unwrap_or_default()
}

/// Read with the settings, so that a mistake in the file is told with all others.
fn policy(reader: &mut Reader<'_>, path: &Path) -> Option<Arc<TextPolicy>> {
    let policy = std::fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| TextPolicy::from_toml(&text).map_err(|error| error.to_string()));
    match policy {
        Ok(policy) => Some(Arc::new(policy)),
        Err(error) => {
            let rule = format!("cannot be used: {}: {error}", path.display());
            reader.wrong("MODERATION_POLICY_FILE", rule);
            None
        }
    }
}

fn model(reader: &mut Reader<'_>) -> Option<ModelSettings> {
    let url = reader.http_url("MODERATION_MODEL_URL").map(Secret::new);
    let apis = [("ollama", ModelApi::Ollama), ("openai", ModelApi::OpenAi)];
    let api = reader
        .choice("MODERATION_MODEL_API", "ollama", &apis)
        .unwrap_or(ModelApi::Ollama);
    let name = reader.text("MODERATION_MODEL");
    let key = reader.secret("MODERATION_MODEL_KEY");
    match (url, name) {
        (Some(url), Some(name)) => Some(ModelSettings {
            url,
            api,
            name,
            key,
        }),
        (Some(_), None) => {
            reader.wrong(
                "MODERATION_MODEL",
                "is missing: MODERATION_MODEL_URL needs a model's name",
            );
            None
        }
        (None, Some(_)) => {
            reader.wrong(
                "MODERATION_MODEL_URL",
                "is missing: MODERATION_MODEL needs a server",
            );
            None
        }
        (None, None) => None,
    }
}

fn work(reader: &mut Reader<'_>) -> WorkSettings {
    let children = reader.number("PICTURE_CHILDREN", "0", 0..=1_024);
    WorkSettings {
        image_jobs: reader.number("IMAGE_JOBS", "8", 1..=1_024),
        post_jobs: reader.number("POST_JOBS", "8", 1..=1_024),
        rates: limits::rates(reader),
        picture_children: (children > 0).then_some(children),
        pictures_on_demand: reader.number("PICTURES_ON_DEMAND", "8", 1..=1_024),
        connections: reader.number("CONNECTIONS", "4096", 1..=1_000_000),
    }
}

/// Room for at least one picture, or no upload could ever begin.
fn staging_budget(reader: &mut Reader<'_>) -> u64 {
    let least = sluicegate_contract::limits::PICTURE_BYTES;
    reader.bytes("STAGING_BUDGET_BYTES", "21474836480", least)
}

/// OpenTelemetry's own variables.
fn traces(reader: &mut Reader<'_>) -> Option<TraceSettings> {
    let endpoint = reader.http_url("OTEL_EXPORTER_OTLP_ENDPOINT");
    reader.choice(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "http/json",
        &[("http/json", ())],
    );
    let headers = reader.headers("OTEL_EXPORTER_OTLP_HEADERS");
    let service = reader.text_or("OTEL_SERVICE_NAME", "sluicegate-origin");
    let ratio = reader.share("OTEL_TRACES_SAMPLER_ARG", "1");
    Some(TraceSettings {
        endpoint: endpoint?,
        headers,
        service,
        ratio,
    })
}

fn log_format(reader: &mut Reader<'_>) -> LogFormat {
    let formats = [("pretty", LogFormat::Pretty), ("json", LogFormat::Json)];
    reader
        .choice("LOG_FORMAT", "pretty", &formats)
        .unwrap_or(LogFormat::Pretty)
}

fn log_filter(reader: &mut Reader<'_>) -> String {
    let filter = reader.text_or("RUST_LOG", "info");
    if let Err(error) = tracing_subscriber::EnvFilter::builder().parse(&filter) {
        reader.wrong("RUST_LOG", format!("is no filter for logs: {error}"));
    }
    filter
}
