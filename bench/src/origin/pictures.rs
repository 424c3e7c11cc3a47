//! Pictures: taken, made, and what that costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::{Upload, UploadState};
use tokio::sync::Mutex;

use super::{Bench, DRAIN_LIMIT, LOOK, pid};
use crate::http::Ask;
use crate::load::{Run, count, percentile, run};
use crate::report::number;
use crate::usage::{Cpu, cpu};

pub(super) const UPLOADS_AT_ONCE: usize = 8;
/// After how long somebody sends again who found no room: sooner than they are told, which is the harder load.
const AGAIN: Duration = Duration::from_millis(250);

/// What became of uploads.
pub(crate) struct Sent {
    pub(super) run: Run,
    pub(crate) ids: Vec<(usize, UploadId)>,
    /// How often there was no room.
    pub(super) refused: usize,
}

impl Bench {
    /// A burst of photos through the edge, with the workers at work.
    pub(super) async fn pictures(
        &mut self,
        kind: &str,
        photo: Vec<u8>,
        total: usize,
    ) -> Result<()> {
        println!("{total} photos of {kind} and {} KiB …", photo.len() / 1024);
        let before = cpu(pid(self.origin()?)?)?;
        let began = Instant::now();
        let Sent { run: sent, ids, .. } = self.upload_all(Bytes::from(photo), total).await?;
        let ended = self.wait_for_uploads(&ids).await?;
        let whole = began.elapsed();
        let Cpu { own, children } = cpu(pid(self.origin()?)?)?.since(before);
        let waits: Vec<Duration> = ended.iter().filter_map(time_to_ready).collect();
        ensure!(
            waits.len() == sent.done,
            "{} of {} are ready",
            waits.len(),
            sent.done
        );
        let made = count(waits.len());
        self.row(
            &format!("uploads acknowledged, {kind}"),
            format!("{}/s", number(sent.per_second())),
            format!(
                "p95 {} ms, {UPLOADS_AT_ONCE} at once",
                sent.percentile(95).as_millis()
            ),
        );
        self.row(
            &format!("pictures made ready, {kind}"),
            format!("{}/s", number(made / whole.as_secs_f64())),
            format!(
                "time to ready: p50 {} ms, p95 {} ms; backlog at most {}, then 0",
                percentile(&waits, 50).as_millis(),
                percentile(&waits, 95).as_millis(),
                largest_backlog(&ended),
            ),
        );
        self.row(
            &format!("pictures per CPU second, {kind}"),
            number(made / children.as_secs_f64().max(f64::EPSILON)),
            format!(
                "of the children; the origin itself used {:.1} s",
                own.as_secs_f64()
            ),
        );
        Ok(())
    }

    /// Uploads, each sent until there is room for it.
    pub(crate) async fn upload_all(&self, photo: Bytes, total: usize) -> Result<Sent> {
        let ids = Arc::new(Mutex::new(Vec::new()));
        let refused = Arc::new(AtomicUsize::new(0));
        let url = format!("{}/v1/uploads?purpose=post_header", self.platform.edge_url);
        let uploads = {
            let (client, tokens) = (self.client.clone(), Arc::clone(&self.tokens));
            let (ids, refused) = (Arc::clone(&ids), Arc::clone(&refused));
            run(total, UPLOADS_AT_ONCE, move |number| {
                let (client, tokens) = (client.clone(), Arc::clone(&tokens));
                let (ids, refused) = (Arc::clone(&ids), Arc::clone(&refused));
                let (url, photo) = (url.clone(), photo.clone());
                async move {
                    let person = number % tokens.len();
                    let token = tokens.get(person).context("a token")?;
                    let length = u64::try_from(photo.len())?;
                    let start = Instant::now();
                    let answer = loop {
                        let ask = Ask {
                            header: Some((CONTENT_TYPE, "application/octet-stream")),
                            ..Ask::post(&url, token, photo.clone())
                        };
                        match client.read_unless_full(ask, StatusCode::CREATED).await? {
                            Some(answer) => break answer,
                            None => refused.fetch_add(1, Ordering::Relaxed),
                        };
                        ensure!(start.elapsed() < DRAIN_LIMIT, "there never was room");
                        tokio::time::sleep(AGAIN).await;
                    };
                    let upload: Upload = serde_json::from_slice(&answer)?;
                    ids.lock().await.push((person, upload.id));
                    Ok(length)
                }
            })
            .await?
        };
        let ids = std::mem::take(&mut *ids.lock().await);
        Ok(Sent {
            run: uploads,
            ids,
            refused: refused.load(Ordering::Relaxed),
        })
    }

    pub(crate) async fn wait_for_uploads(&self, ids: &[(usize, UploadId)]) -> Result<Vec<Upload>> {
        let start = Instant::now();
        let mut ended = Vec::new();
        for (person, id) in ids {
            loop {
                let upload: Upload = self.get(*person, &format!("/v1/uploads/{id}")).await?;
                match upload.status {
                    UploadState::Ready => {
                        ended.push(upload);
                        break;
                    }
                    UploadState::Rejected | UploadState::Failed | UploadState::Expired => {
                        bail!("{id} ended as {:?}: {:?}", upload.status, upload.reason)
                    }
                    _ => tokio::time::sleep(LOOK).await,
                }
                ensure!(start.elapsed() < DRAIN_LIMIT, "{id} was not made in time");
            }
        }
        Ok(ended)
    }
}

/// From the acknowledgement to the finished picture, by the origin's clock.
pub(super) fn time_to_ready(upload: &Upload) -> Option<Duration> {
    Some(upload.ready_at?.since(upload.received_at?))
}

/// The most pictures that were received and not yet ready at one time.
fn largest_backlog(uploads: &[Upload]) -> usize {
    let mut changes: Vec<_> = uploads
        .iter()
        .flat_map(|upload| [(upload.received_at, true), (upload.ready_at, false)])
        .filter_map(|(at, comes)| Some((at?.unix_ms(), comes)))
        .collect();
    changes.sort_unstable();
    let (mut waiting, mut most) = (0_usize, 0);
    for (_, comes) in changes {
        waiting = if comes {
            waiting + 1
        } else {
            waiting.saturating_sub(1)
        };
        most = most.max(waiting);
    }
    most
}
