#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sluicegate_contract::time::Timestamp;
use sluicegate_embedded::objects::{Credentials, ServerOptions, serve};
use sluicegate_s3::Settings;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server of its own for a test.
pub(crate) struct Server {
    pub(crate) settings: Settings,
    pub(crate) root: PathBuf,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(name: &str) -> Self {
        let root =
            std::env::temp_dir().join(format!("sluicegate-s3-{}-{name}", std::process::id()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let options = ServerOptions::new(Credentials {
            access_key: "somebody".to_owned(),
            secret_key: "secret".to_owned(),
        });
        let (stop, stopped) = oneshot::channel();
        let folder = root.clone();
        let task = tokio::spawn(async move {
            let shutdown = async { stopped.await.unwrap_or_default() };
            serve(listener, &folder, &options, shutdown).await.unwrap();
        });
        let settings = Settings {
            edge_endpoint: endpoint.replace("127.0.0.1", "localhost"),
            public_endpoint: None,
            endpoint,
            region: "us-east-1".to_owned(),
            bucket: "pictures".to_owned(),
            access_key_id: "somebody".to_owned(),
            secret_access_key: "secret".to_owned(),
        };
        Self {
            settings,
            root,
            stop,
            task,
        }
    }

    /// The names in the bucket's folder.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.root.join("pictures")).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
        remove(&self.root);
    }
}

fn remove(root: &Path) {
    std::fs::remove_dir_all(root).unwrap();
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server under test has the real time"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::new(SystemTime::now().into())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place of these tests that builds a client"
)]
pub(crate) fn http() -> reqwest::Client {
    // A second call finds the first one's, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
