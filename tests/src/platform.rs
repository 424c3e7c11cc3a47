//! A whole platform of real programs on free ports, in a data directory of its own.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::Method;
use rustix::process::Pid;
use serde_json::Value;
use sluicegate_conformance::servers::Port;
use sluicegate_contract::accounts::Session;
use sluicegate_contract::headers;
use tempfile::TempDir;

use crate::backing::Backing;
use crate::client::{Answer, Client};
use crate::database;
use crate::edge::{EdgePlace, start_edge};
use crate::process::{Program, program};
use crate::secrets;

/// Time for a database to be made and components to be compiled on a loaded machine.
pub(crate) const START_LIMIT: Duration = Duration::from_mins(3);
/// Time for a command that looks at everything there is.
const COMMAND_LIMIT: Duration = Duration::from_mins(2);
/// Time for running requests and jobs to end.
pub const STOP_LIMIT: Duration = Duration::from_mins(1);

/// Any free port.
pub(crate) const ANY_PORT: &str = "127.0.0.1:0";

/// The secret that edge and origin share.
pub const EDGE_KEY: &str = "an edge key of the tests, long enough for all";

/// How a platform is started.
#[derive(Clone, Default)]
pub struct Options {
    /// Settings of the origin and its workers beyond the defaults.
    pub settings: Vec<(String, String)>,
    /// Variables of the edge beyond the defaults, without their prefix.
    pub edge_variables: Vec<(String, String)>,
    /// Everything runs as this user instead of ours; only root can do that.
    pub user: Option<u32>,
    /// `serve --no-workers`.
    pub no_workers: bool,
    /// What all programs log, as `RUST_LOG` has it, and how: `pretty` or `json`.
    pub log: Option<(&'static str, &'static str)>,
    /// Arguments of the edge beyond the defaults.
    pub edge_arguments: Vec<String>,
    /// The edge's environment beyond the defaults.
    pub edge_environment: Vec<(String, String)>,
    /// Arguments with which the origin's program is run, to its end, before the origin starts.
    pub before: Vec<&'static str>,
}

impl Options {
    /// The defaults with one more setting.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn sets(&self, name: &str) -> bool {
        self.settings.iter().any(|(set, _)| set == name)
    }
}

/// The programs of a platform, and where they listen.
pub struct Platform {
    /// The origin; taken out by tests that kill it.
    pub origin: Option<Program>,
    /// The edge.
    pub edge: Program,
    /// The origin's address.
    pub origin_url: String,
    /// The edge's address: what clients use.
    pub edge_url: String,
    /// Where the store listens.
    pub store_url: String,
    options: Options,
    services: Option<Program>,
    backing: Arc<Backing>,
    data: Arc<TempDir>,
    /// Where programs listened that were killed.
    kept: Vec<Port>,
}

impl Platform {
    /// Starts everything on free ports, and waits until it answers.
    pub async fn start(options: Options) -> Result<Self> {
        let data = Arc::new(data_directory()?);
        if let Some(user) = options.user {
            std::os::unix::fs::chown(data.path(), Some(user), Some(user))?;
        }
        let services = start_services(data.path(), &options).await?;
        let backing = Box::pin(Backing::start(data.path(), &options))
            .await
            .map(Arc::new)?;
        let store = backing.store_settings(data.path())?;
        let mut store = store.into_iter();
        let store_url = store.find_map(|(name, url)| (name == "S3_ENDPOINT").then_some(url));
        let store_url = store_url.context("the store's address")?;
        let options = backing.beneath(options);
        if !options.before.is_empty() {
            run_command(&settings(data.path(), &options), &options.before).await?;
        }
        Self::start_on(data, Some(services), backing, options, store_url).await
    }

    /// Starts another origin and edge on the same services. They end with these at the latest.
    pub async fn start_second(&self, options: Options, store_url: &str) -> Result<Self> {
        let (data, backing) = (Arc::clone(&self.data), Arc::clone(&self.backing));
        let options = backing.beneath(options);
        Self::start_on(data, None, backing, options, store_url.to_owned()).await
    }

    async fn start_on(
        data: Arc<TempDir>,
        services: Option<Program>,
        backing: Arc<Backing>,
        options: Options,
        store_url: String,
    ) -> Result<Self> {
        let (origin, origin_url) = start_origin(data.path(), &options, ANY_PORT).await?;
        let place = EdgePlace {
            origin_url: &origin_url,
            store_url: &store_url,
            listen: ANY_PORT,
        };
        let (edge, edge_url) = start_edge(data.path(), &options, &place).await?;
        Ok(Self {
            origin: Some(origin),
            edge,
            origin_url,
            edge_url,
            store_url,
            options,
            services,
            backing,
            data,
            kept: Vec::new(),
        })
    }

    /// Starts another origin on the same services, at a port of its own.
    pub async fn start_another_origin(&self) -> Result<(Program, String)> {
        start_origin(self.data.path(), &self.options, ANY_PORT).await
    }

    /// The same with another setting beside the platform's.
    pub async fn start_another_origin_with(
        &self,
        name: &str,
        value: &str,
    ) -> Result<(Program, String)> {
        let options = self.options.clone().setting(name, value);
        start_origin(self.data.path(), &options, ANY_PORT).await
    }

    /// Starts another edge in front of `origin_url`, such as a proxy's.
    pub async fn start_another_edge(&self, origin_url: &str) -> Result<(Program, String)> {
        let place = EdgePlace {
            origin_url,
            store_url: &self.store_url,
            listen: ANY_PORT,
        };
        start_edge(self.data.path(), &self.options, &place).await
    }

    /// Starts the edge again, at the address that it had, after it was killed.
    pub async fn restart_edge(&mut self) -> Result<()> {
        let place = EdgePlace {
            origin_url: &self.origin_url,
            store_url: &self.store_url,
            listen: self.edge_url.trim_start_matches("http://"),
        };
        let (edge, _) = start_edge(self.data.path(), &self.options, &place).await?;
        self.edge = edge;
        Ok(())
    }

    /// The data directory of the services.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// The same with other variables beside the platform's.
    pub async fn start_edge_with(
        &self,
        origin_url: &str,
        variables: &[(&str, &str)],
    ) -> Result<(Program, String)> {
        let mut options = Options {
            edge_variables: self.options.edge_variables.clone(),
            user: self.options.user,
            ..Options::default()
        };
        for (name, value) in variables {
            let variable = ((*name).to_owned(), (*value).to_owned());
            options.edge_variables.push(variable);
        }
        let place = EdgePlace {
            origin_url,
            store_url: &self.store_url,
            listen: ANY_PORT,
        };
        start_edge(self.data.path(), &options, &place).await
    }

    /// A client of the edge.
    pub fn client(&self) -> Result<Client> {
        Client::new(&self.edge_url)
    }

    /// Somebody new, from an address of their own: of one address only so many may sign up.
    pub async fn sign_up(&self, handle: &str) -> Result<Client> {
        let body = serde_json::json!({"handle": handle, "password": "correct horse battery"});
        let request = self
            .origin_client()?
            .request(Method::POST, "/v1/accounts")
            .header(headers::EDGE_KEY, EDGE_KEY)
            .header(headers::CLIENT_ADDRESS, address_of(handle))
            .json(&body);
        let session: Session = Answer::read(request.send().await?).await?.expect(201)?;
        Ok(self.client()?.with_token(Some(&session.access_token)))
    }

    /// A client that goes around the edge.
    pub fn origin_client(&self) -> Result<Client> {
        Client::new(&self.origin_url)
    }

    /// Kills the origin as `kill -9` does. Nobody else is given its address.
    pub fn kill_origin(&mut self) -> Result<()> {
        self.origin.take().context("the origin runs")?.kill()?;
        self.kept.push(keep(&self.origin_url)?);
        Ok(())
    }

    /// The same with the edge.
    pub fn kill_edge(&mut self) -> Result<()> {
        self.edge.kill()?;
        self.kept.push(keep(&self.edge_url)?);
        Ok(())
    }

    /// Starts the origin again, at the address that it had.
    pub async fn restart_origin(&mut self) -> Result<()> {
        self.origin = Some(self.start_origin_at(&self.origin_url).await?);
        Ok(())
    }

    /// Starts an origin at the address that another one had.
    pub async fn start_origin_at(&self, url: &str) -> Result<Program> {
        let address = url.trim_start_matches("http://");
        let (origin, _) = start_origin(self.data.path(), &self.options, address).await?;
        Ok(origin)
    }

    /// Starts a worker of its own on the same data.
    pub async fn start_worker(&self) -> Result<Program> {
        start_worker(self.data.path(), &self.options).await
    }

    /// The same with other settings beside the platform's.
    pub async fn start_worker_with(&self, settings: Vec<(String, String)>) -> Result<Program> {
        let mut options = self.options.clone();
        options.settings.extend(settings);
        start_worker(self.data.path(), &options).await
    }

    /// Runs the origin's program with these arguments to its end, and answers what it wrote.
    pub async fn command(&self, arguments: &[&str]) -> Result<Vec<String>> {
        run_command(&settings(self.data.path(), &self.options), arguments).await
    }

    /// What an origin that names the store itself is told of it.
    pub fn store_settings(&self) -> Result<Vec<(String, String)>> {
        self.backing.store_settings(self.data.path())
    }

    /// The address of the database, past a pooler.
    pub fn database_url(&self) -> Result<String> {
        self.backing.database_url(self.data.path())
    }

    /// What keeps the objects of a folder of the bucket, such as `media`: a path of each, in which its name is.
    pub fn objects(&self, folder: &str) -> Result<Vec<PathBuf>> {
        self.backing.objects(self.data.path(), folder)
    }

    /// What it stands on.
    pub fn servers(&self) -> String {
        self.backing.names()
    }

    /// The process of the database that started all its others.
    pub fn postmaster(&self) -> Result<Pid> {
        Ok(database::postmaster(self.data.path())?.0)
    }

    /// The socket of the database.
    pub fn database_socket(&self) -> Result<String> {
        let folder = service(self.data.path(), "postgres_socket_folder")?;
        Ok(format!("{folder}/.s.PGSQL.5432"))
    }

    /// What a worker is told that reaches the database through a proxy (`http://host:port`).
    pub fn database_setting(&self, proxy: &str) -> Result<(String, String)> {
        let url = service(self.data.path(), "database_url")?;
        let (user, place) = url.rsplit_once('@').context("a user in the URL")?;
        let (_, database) = place.split_once('/').context("a database in the URL")?;
        let proxy = proxy.trim_start_matches("http://");
        let url = format!("{user}@{proxy}/{database}?sslmode=disable");
        Ok(("DATABASE_URL".to_owned(), url))
    }

    /// What all programs that run have written so far.
    pub fn output(&self) -> Vec<String> {
        let origin = self.origin.iter().chain(&self.services);
        let programs = origin.chain([&self.edge]);
        programs.flat_map(Program::output).collect()
    }

    /// Ends all programs in order, and fails if one of them does not end well.
    pub async fn stop(self) -> Result<()> {
        self.backing.note_used(self.origin.as_ref()).await;
        self.edge.stop(STOP_LIMIT).await?;
        if let Some(origin) = self.origin {
            origin.stop(STOP_LIMIT).await?;
        }
        match self.services {
            Some(services) => services.stop_by_input(STOP_LIMIT).await,
            None => Ok(()),
        }
    }
}

/// The port of an address whose program has ended: nobody else is given it meanwhile.
pub fn keep(url: &str) -> Result<Port> {
    let (_, number) = url.rsplit_once(':').context("a port")?;
    Ok(Port::of(number.parse()?))
}

/// An address for each handle.
fn address_of(handle: &str) -> String {
    let mut hasher = DefaultHasher::new();
    handle.hash(&mut hasher);
    let [a, b, c, ..] = hasher.finish().to_be_bytes();
    format!("10.{a}.{b}.{c}")
}

/// A directory that goes when it is dropped, and that the user of the database may pass through.
pub fn data_directory() -> Result<TempDir> {
    let data = tempfile::Builder::new().prefix("sg-").tempdir()?;
    std::fs::set_permissions(data.path(), std::fs::Permissions::from_mode(0o755))?;
    Ok(data)
}

pub(crate) async fn start_services(data: &Path, options: &Options) -> Result<Program> {
    let mut environment = settings(data, &Options::default());
    environment.extend(logging(options));
    // The one setting that the embedded store has of its own.
    let of_the_store = options
        .settings
        .iter()
        .filter(|(name, _)| name == "S3_CORS_ORIGINS");
    environment.extend(of_the_store.cloned());
    let mut services = Program::start_as(
        options.user,
        &program("sluicegate-origin")?,
        &["services", "--with-parent"],
        &environment,
    )?;
    services
        .wait_for_line("services are ready", START_LIMIT)
        .await?;
    secrets::register(&service(data, "s3_secret_access_key")?);
    secrets::register_url(&service(data, "database_url")?);
    Ok(services.with_log(data.join("postgres/log")))
}

/// Runs the origin's program to its end, and answers what it wrote.
pub(crate) async fn run_command(
    settings: &[(String, String)],
    arguments: &[&str],
) -> Result<Vec<String>> {
    let program = Program::start(&program("sluicegate-origin")?, arguments, settings)?;
    program.finish(COMMAND_LIMIT).await
}

/// Starts a worker, and waits until it works.
pub(crate) async fn start_worker(data: &Path, options: &Options) -> Result<Program> {
    let mut environment = settings(data, options);
    environment.push(("SLUICEGATE_LISTEN".to_owned(), ANY_PORT.to_owned()));
    let queues = "image-moderation,post-processing";
    let mut worker = Program::start_as(
        options.user,
        &program("sluicegate-origin")?,
        &["work", "--queues", queues],
        &environment,
    )?;
    worker.wait_for_line("working on", START_LIMIT).await?;
    Ok(worker)
}

/// What an origin that names the store of these services itself is told of it.
pub fn store_settings(data: &Path) -> Result<Vec<(String, String)>> {
    [
        ("S3_ENDPOINT", "s3_endpoint"),
        ("S3_ACCESS_KEY_ID", "s3_access_key_id"),
        ("S3_SECRET_ACCESS_KEY", "s3_secret_access_key"),
    ]
    .into_iter()
    .map(|(setting, member)| Ok((setting.to_owned(), service(data, member)?)))
    .collect()
}

/// Starts an origin on embedded services that run, and waits until it listens.
pub(crate) async fn start_origin(
    data: &Path,
    options: &Options,
    listen: &str,
) -> Result<(Program, String)> {
    let mut environment = settings(data, options);
    environment.push(("SLUICEGATE_LISTEN".to_owned(), listen.to_owned()));
    let arguments: &[&str] = if options.no_workers {
        &["serve", "--no-workers"]
    } else {
        &["serve"]
    };
    let mut origin = Program::start_as(
        options.user,
        &program("sluicegate-origin")?,
        arguments,
        &environment,
    )?;
    let url = origin.wait_for_line("listening on ", START_LIMIT).await?;
    Ok((origin, url))
}

pub(crate) fn settings(data: &Path, options: &Options) -> Vec<(String, String)> {
    let mut settings = vec![
        (
            "SLUICEGATE_DATA".to_owned(),
            data.to_string_lossy().into_owned(),
        ),
        ("EDGE_KEY".to_owned(), EDGE_KEY.to_owned()),
    ];
    settings.extend(logging(options));
    settings.extend(options.settings.iter().cloned());
    settings
}

fn logging(options: &Options) -> Vec<(String, String)> {
    let Some((filter, format)) = options.log else {
        return Vec::new();
    };
    [("RUST_LOG", filter), ("LOG_FORMAT", format)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

/// A member of what the services say of themselves.
pub fn service(data: &Path, member: &str) -> Result<String> {
    let path = data.join("services.json");
    let text = std::fs::read(&path).with_context(|| format!("no {}", path.display()))?;
    let services: Value = serde_json::from_slice(&text)?;
    let value = services.get(member).and_then(Value::as_str);
    Ok(value
        .with_context(|| format!("{member} of the services"))?
        .to_owned())
}
