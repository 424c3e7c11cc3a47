//! The events of an upload as a client reads them.

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Method, Response};
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::{Upload, UploadState};

use crate::client::Client;

/// More than any event has, in bytes.
const EVENT_BYTES: usize = 64 * 1024;

/// An open stream.
pub struct Events {
    response: Response,
    unread: Vec<u8>,
}

impl Events {
    /// Opens the stream of an upload of this client's.
    pub async fn open(client: &Client, id: UploadId) -> Result<Self> {
        let path = format!("/v1/uploads/{id}/events");
        let response = client.request(Method::GET, &path).send().await?;
        ensure!(response.status() == 200, "{path}: {}", response.status());
        Ok(Self {
            response,
            unread: Vec::new(),
        })
    }

    /// How the upload stands now; `None` where the stream ends as streams should. One that is cut is an error.
    pub async fn next(&mut self) -> Result<Option<Upload>> {
        loop {
            while let Some(event) = self.take() {
                let data = event.lines().find_map(|line| line.strip_prefix("data:"));
                // Without data it is a sign of life.
                if let Some(data) = data {
                    return Ok(Some(serde_json::from_str(data.trim_start())?));
                }
            }
            ensure!(self.unread.len() < EVENT_BYTES, "an event without an end");
            match self.response.chunk().await.context("the stream was cut")? {
                Some(chunk) => self.unread.extend_from_slice(&chunk),
                None if self.unread.is_empty() => return Ok(None),
                None => bail!("the stream ended within an event"),
            }
        }
    }

    /// Reads on until the upload is ready. `false` where the stream ends before.
    pub async fn until_ready(&mut self) -> Result<bool> {
        while let Some(upload) = self.next().await? {
            match upload.status {
                UploadState::Ready => return Ok(true),
                UploadState::Failed | UploadState::Rejected => {
                    bail!("no picture was made: {upload:?}")
                }
                _ => {}
            }
        }
        Ok(false)
    }

    /// An event that has come whole.
    fn take(&mut self) -> Option<String> {
        let end = self.unread.windows(2).position(|two| two == b"\n\n")?;
        let event: Vec<u8> = self.unread.drain(..end + 2).collect();
        Some(String::from_utf8_lossy(&event).into_owned())
    }
}
