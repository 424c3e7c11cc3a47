use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::files::{FileError, secret, write_private};
use crate::objects::Credentials;

/// What stays the same of the S3 server from one start to the next.
#[derive(Serialize, Deserialize)]
pub(super) struct Identity {
    access_key_id: String,
    secret_access_key: String,
    port: u16,
}

impl Identity {
    /// Reads it, or makes it, and listens: on the port of last time if nobody else has it by now.
    pub(super) async fn establish(path: &Path) -> Result<(Self, TcpListener), FileError> {
        let known = load(path)?;
        let port = known.as_ref().map_or(0, |known| known.port);
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && port != 0 => {
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
            }
            bound => bound,
        };
        let listener = listener.map_err(FileError::wrap("listen for", path))?;
        let address = listener
            .local_addr()
            .map_err(FileError::wrap("listen for", path))?;
        let identity = match known {
            Some(known) if known.port == address.port() => return Ok((known, listener)),
            Some(known) => Self {
                port: address.port(),
                ..known
            },
            None => Self {
                access_key_id: format!("sluicegate-{}", secret(4)?),
                secret_access_key: secret(24)?,
                port: address.port(),
            },
        };
        let text = serde_json::to_vec_pretty(&identity)
            .map_err(|error| FileError::new("describe", path, error.into()))?;
        write_private(path, &text)?;
        Ok((identity, listener))
    }

    pub(super) fn credentials(&self) -> Credentials {
        Credentials {
            access_key: self.access_key_id.clone(),
            secret_key: self.secret_access_key.clone(),
        }
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// A file that cannot be read as one is made anew: it holds nothing that cannot be replaced.
fn load(path: &Path) -> Result<Option<Identity>, FileError> {
    match fs::read(path) {
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError::new("read", path, source)),
    }
}
