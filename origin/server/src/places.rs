//! Where the services are: those that are configured, else the embedded ones.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use sluicegate_embedded::postgres::BinarySearch;
use sluicegate_embedded::services::{
    AttachOptions, Attached, Services, attach_or_start, data_directory, read,
};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::settings::{ObjectSettings, PublicStore, Secret, Settings, without_password};

/// `initdb` and a recovery on a slow disk.
const START: Duration = Duration::from_mins(1);
/// How soon it is seen that the embedded services are gone.
const LOOK: Duration = Duration::from_secs(2);

/// Addresses of everything that adapters connect to.
pub struct Places {
    /// The database.
    pub database_url: Secret,
    /// The same past a pooler.
    pub direct_url: Secret,
    /// Whether the database is the embedded one.
    pub embedded_database: bool,
    /// The object store.
    pub objects: sluicegate_s3::Settings,
    /// One line a place, for logs.
    pub summary: [String; 2],
    embedded: Option<Embedded>,
}

struct Embedded {
    options: AttachOptions,
    attached: Mutex<Option<Attached>>,
}

/// The data directory in force.
pub fn data_folder(settings: &Settings) -> Result<PathBuf> {
    Ok(data_directory(settings.data.as_deref(), |name| {
        std::env::var_os(name)
    })?)
}

/// Where Postgres is looked for. `cargo xtask` unpacks one into the default data directory, whichever is in force.
pub fn postgres_search(settings: &Settings) -> BinarySearch {
    let default = data_directory(None, |name| std::env::var_os(name)).ok();
    BinarySearch {
        chosen: settings.postgres_bin.clone(),
        data: data_folder(settings).into_iter().chain(default).collect(),
    }
}

impl Places {
    /// Finds them; starts the embedded ones where something needs them and nobody runs them.
    pub async fn find(settings: &Settings, program: &Path) -> Result<Self> {
        let (embedded, services) = if settings.database.is_some() && settings.objects.is_some() {
            (None, None)
        } else {
            let options = AttachOptions {
                data_directory: data_folder(settings)?,
                program: program.to_owned(),
                patience: START,
            };
            let attached = attach_or_start(&options).await?;
            let services = attached.services.clone();
            let attached = Mutex::new(Some(attached));
            (Some(Embedded { options, attached }), Some(services))
        };
        let (database_url, database) = match (&settings.database, &services) {
            (Some(url), _) => (url.clone(), without_password(url.expose())),
            (None, Some(services)) => {
                let folder = services.postgres_socket_folder.display();
                (
                    Secret::new(&services.database_url),
                    format!("embedded Postgres at {folder}"),
                )
            }
            (None, None) => anyhow::bail!("no database"),
        };
        let (objects, store) = match (&settings.objects, &services) {
            (Some(chosen), _) => (configured(chosen, settings), chosen.endpoint.clone()),
            (None, Some(services)) => {
                let objects = embedded_objects(services, settings);
                (
                    objects,
                    format!("embedded store at {}", services.s3_endpoint),
                )
            }
            (None, None) => anyhow::bail!("no object store"),
        };
        Ok(Self {
            direct_url: settings
                .database_direct
                .clone()
                .unwrap_or_else(|| database_url.clone()),
            database_url,
            embedded_database: settings.database.is_none(),
            objects,
            summary: [format!("database: {database}"), format!("objects: {store}")],
            embedded,
        })
    }

    /// Keeps the embedded services up until `shutdown`: if their owner dies, it is started anew. Port, keys
    /// and socket stay the same, so what is connected connects again.
    pub async fn keep_up(&self, shutdown: &CancellationToken) {
        let Some(embedded) = &self.embedded else {
            return;
        };
        let keep = async {
            loop {
                tokio::time::sleep(LOOK).await;
                if let Err(error) = embedded.look().await {
                    tracing::error!("the embedded services are down: {error:#}");
                }
            }
        };
        shutdown.run_until_cancelled(keep).await;
    }

    /// Stops the embedded services if we started them.
    pub async fn leave(&self) {
        let Some(embedded) = &self.embedded else {
            return;
        };
        if let Some(attached) = embedded.attached.lock().await.take() {
            attached.stop().await;
        }
    }
}

impl Embedded {
    async fn look(&self) -> Result<()> {
        let folder = &self.options.data_directory;
        let mut attached = self.attached.lock().await;
        if let Some(current) = attached.as_mut() {
            if !current.is_gone(folder)? {
                // To stop what is only busy would cut everything that goes through it.
                if read(folder).await?.is_none() {
                    tracing::warn!("the embedded services are slow to answer");
                }
                return Ok(());
            }
            tracing::warn!("the embedded services are gone");
            attached.take();
        }
        let again = attach_or_start(&self.options).await;
        *attached = Some(again.context("cannot start them again")?);
        Ok(())
    }
}

/// The settings of the embedded store.
pub(crate) fn embedded_objects(
    services: &Services,
    settings: &Settings,
) -> sluicegate_s3::Settings {
    sluicegate_s3::Settings {
        endpoint: services.s3_endpoint.clone(),
        edge_endpoint: services.s3_endpoint.clone(),
        public_endpoint: public_endpoint(settings, &services.s3_endpoint),
        region: services.s3_region.clone(),
        bucket: settings.bucket.clone(),
        access_key_id: services.s3_access_key_id.clone(),
        secret_access_key: services.s3_secret_access_key.clone(),
    }
}

/// The settings of a store that is configured.
pub(crate) fn configured(chosen: &ObjectSettings, settings: &Settings) -> sluicegate_s3::Settings {
    sluicegate_s3::Settings {
        endpoint: chosen.endpoint.clone(),
        edge_endpoint: chosen.edge_endpoint.clone(),
        public_endpoint: public_endpoint(settings, &chosen.endpoint),
        region: chosen.region.clone(),
        bucket: settings.bucket.clone(),
        access_key_id: chosen.access_key_id.clone(),
        secret_access_key: chosen.secret_access_key.expose().to_owned(),
    }
}

fn public_endpoint(settings: &Settings, own: &str) -> Option<String> {
    settings.public_store.as_ref().map(|public| match public {
        PublicStore::Same => own.to_owned(),
        PublicStore::At(url) => url.clone(),
    })
}
