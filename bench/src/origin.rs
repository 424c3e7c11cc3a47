//! A whole platform under load: how fast it takes pictures and posts, and how fast it is through with them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;
use sluicegate_contract::ids::{PostId, UploadId};
use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::{Moderation, Upload, UploadState};
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform};
use tokio::sync::Mutex;

use crate::http::{Ask, Client};
use crate::load::{Run, Size, count, percentile, run};
use crate::report::{number, table};
use crate::usage::{Cpu, cpu, peak_memory};

/// Each may have 20 open tickets and 200 pictures a day.
const PEOPLE: usize = 8;
const UPLOADS: usize = 160;
const LARGE_UPLOADS: usize = 48;
const POSTS: usize = 2_000;
const READS: usize = 5_000;
const UPLOADS_AT_ONCE: usize = 8;
const POSTS_AT_ONCE: usize = 16;
const READS_AT_ONCE: usize = 32;
/// For all jobs to be done.
const DRAIN_LIMIT: Duration = Duration::from_mins(5);
const LOOK: Duration = Duration::from_millis(50);

struct Bench {
    client: Client,
    platform: Platform,
    tokens: Arc<Vec<String>>,
    rows: Vec<Vec<String>>,
}

pub(crate) async fn main(size: Size) -> Result<()> {
    let options = Options::default()
        .setting("MODERATION_IMAGE_ASYNC", "true")
        .setting("MODERATION_CONTENT_ASYNC", "true");
    let platform = Platform::start(options).await?;
    let stranger = platform.client()?;
    let mut tokens = Vec::new();
    for person in 0..PEOPLE {
        let (_, session) = stranger.sign_up(&format!("bench_{person}")).await?;
        tokens.push(session.access_token);
    }
    let mut bench = Bench {
        client: Client::new(),
        platform,
        tokens: Arc::new(tokens),
        rows: Vec::new(),
    };
    let photo = fixtures::read("photo.jpg")?;
    bench.pictures("2 MP", photo, size.of(UPLOADS)).await?;
    let large = fixtures::large_photo()?;
    bench
        .pictures("12 MP", large, size.of(LARGE_UPLOADS))
        .await?;
    bench.posts(size.of(POSTS)).await?;
    bench.reads(size.of(READS)).await?;
    println!();
    table(&["what", "figure", "more"], &bench.rows);
    let (origin, edge) = (peak_memory(bench.origin()?)?, peak_memory(bench.edge()?)?);
    println!("\nmost memory: origin {origin} MiB, edge {edge} MiB");
    bench.platform.stop().await
}

impl Bench {
    fn origin(&self) -> Result<i32> {
        let origin = self.platform.origin.as_ref().context("the origin runs")?;
        Ok(origin.pid()?.as_raw_nonzero().get())
    }

    fn edge(&self) -> Result<i32> {
        Ok(self.platform.edge.pid()?.as_raw_nonzero().get())
    }

    fn row(&mut self, what: &str, figure: String, more: String) {
        self.rows.push(vec![what.to_owned(), figure, more]);
    }

    /// A burst of photos through the edge, with the workers at work.
    async fn pictures(&mut self, kind: &str, photo: Vec<u8>, total: usize) -> Result<()> {
        println!("{total} photos of {kind} and {} KiB …", photo.len() / 1024);
        let before = cpu(self.origin()?)?;
        let began = Instant::now();
        let (sent, ids) = self.upload_all(Bytes::from(photo), total).await?;
        let ended = self.wait_for_uploads(&ids).await?;
        let whole = began.elapsed();
        let Cpu { own, children } = cpu(self.origin()?)?.since(before);
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

    async fn upload_all(
        &self,
        photo: Bytes,
        total: usize,
    ) -> Result<(Run, Vec<(usize, UploadId)>)> {
        let ids = Arc::new(Mutex::new(Vec::new()));
        let url = format!("{}/v1/uploads?purpose=post_header", self.platform.edge_url);
        let sent = {
            let (client, tokens, ids) = (
                self.client.clone(),
                Arc::clone(&self.tokens),
                Arc::clone(&ids),
            );
            run(total, UPLOADS_AT_ONCE, move |number| {
                let (client, tokens, ids) = (client.clone(), Arc::clone(&tokens), Arc::clone(&ids));
                let (url, photo) = (url.clone(), photo.clone());
                async move {
                    let person = number % tokens.len();
                    let token = tokens.get(person).context("a token")?;
                    let length = u64::try_from(photo.len())?;
                    let ask = Ask {
                        header: Some((CONTENT_TYPE, "application/octet-stream")),
                        ..Ask::post(&url, token, photo)
                    };
                    let answer = client.read(ask, StatusCode::CREATED).await?;
                    let upload: Upload = serde_json::from_slice(&answer)?;
                    ids.lock().await.push((person, upload.id));
                    Ok(length)
                }
            })
            .await?
        };
        let ids = std::mem::take(&mut *ids.lock().await);
        Ok((sent, ids))
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, person: usize, path: &str) -> Result<T> {
        let url = format!("{}{path}", self.platform.origin_url);
        let token = self.tokens.get(person).map(String::as_str);
        let ask = Ask {
            token,
            ..Ask::get(&url)
        };
        Ok(serde_json::from_slice(
            &self.client.read(ask, StatusCode::OK).await?,
        )?)
    }

    async fn wait_for_uploads(&self, ids: &[(usize, UploadId)]) -> Result<Vec<Upload>> {
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

    /// Posts through the edge, and how long the last of them takes to be judged.
    async fn posts(&mut self, total: usize) -> Result<()> {
        println!("{total} posts …");
        let ids = Arc::new(Mutex::new(Vec::new()));
        let url = format!("{}/v1/posts", self.platform.edge_url);
        let before = cpu(self.origin()?)?;
        let began = Instant::now();
        let sent = {
            let (client, tokens, ids) = (
                self.client.clone(),
                Arc::clone(&self.tokens),
                Arc::clone(&ids),
            );
            run(total, POSTS_AT_ONCE, move |number| {
                let (client, tokens, ids) = (client.clone(), Arc::clone(&tokens), Arc::clone(&ids));
                let url = url.clone();
                async move {
                    let token = tokens.get(number % tokens.len()).context("a token")?;
                    let body = Bytes::from(json!({"body": text(number)}).to_string());
                    let answer = client
                        .read(Ask::post(&url, token, body), StatusCode::CREATED)
                        .await?;
                    let post: Post = serde_json::from_slice(&answer)?;
                    ids.lock().await.push(post.id);
                    Ok(0)
                }
            })
            .await?
        };
        let written = began.elapsed();
        let ids = std::mem::take(&mut *ids.lock().await);
        let late = self.wait_for_posts(&ids).await?;
        let drained = began.elapsed();
        let used = cpu(self.origin()?)?.since(before);
        self.row(
            "posts",
            format!("{}/s", number(sent.per_second())),
            format!(
                "p95 {} ms, {POSTS_AT_ONCE} at once",
                sent.percentile(95).as_millis()
            ),
        );
        self.row(
            "post jobs drained",
            format!("{}/s", number(count(sent.done) / drained.as_secs_f64())),
            format!(
                "{late} were waiting when the last was written, for {:.1} s; the origin used {:.1} s of CPU",
                drained.saturating_sub(written).as_secs_f64(),
                used.own.as_secs_f64(),
            ),
        );
        Ok(())
    }

    /// How many were not judged at the first look.
    async fn wait_for_posts(&self, ids: &[PostId]) -> Result<usize> {
        let start = Instant::now();
        let mut waiting = ids.to_vec();
        let mut late = None;
        while !waiting.is_empty() {
            let mut still = Vec::new();
            for id in &waiting {
                let post: Post = self.get(0, &format!("/v1/posts/{id}")).await?;
                if post.moderation == Moderation::Unreviewed {
                    still.push(*id);
                }
            }
            late.get_or_insert(still.len());
            waiting = still;
            ensure!(
                start.elapsed() < DRAIN_LIMIT,
                "{} posts were not judged in time",
                waiting.len()
            );
            tokio::time::sleep(LOOK).await;
        }
        Ok(late.unwrap_or_default())
    }

    /// The list of newest posts, at the origin and through the edge.
    async fn reads(&mut self, total: usize) -> Result<()> {
        for (name, base) in [
            ("feed reads at the origin", self.platform.origin_url.clone()),
            (
                "feed reads through the edge",
                self.platform.edge_url.clone(),
            ),
        ] {
            println!("{total} {name} …");
            let (client, tokens) = (self.client.clone(), Arc::clone(&self.tokens));
            let url = format!("{base}/v1/posts?limit=20");
            let read = run(total, READS_AT_ONCE, move |number| {
                let (client, tokens, url) = (client.clone(), Arc::clone(&tokens), url.clone());
                async move {
                    let token = tokens.get(number % tokens.len()).map(String::as_str);
                    let ask = Ask {
                        token,
                        ..Ask::get(&url)
                    };
                    client.drain(ask, StatusCode::OK).await
                }
            })
            .await?;
            let more = format!(
                "p95 {} ms, {READS_AT_ONCE} at once, 20 posts each",
                read.percentile(95).as_millis()
            );
            self.row(name, format!("{}/s", number(read.per_second())), more);
        }
        Ok(())
    }
}

/// From the acknowledgement to the finished picture, by the origin's clock.
fn time_to_ready(upload: &Upload) -> Option<Duration> {
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

/// Words that no two posts have in common, so that none is a near duplicate of another.
fn text(number: usize) -> String {
    let mut state = u64::try_from(number).unwrap_or_default().wrapping_add(1);
    let words: Vec<String> = (0..24)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            format!("{:06x}", state >> 40)
        })
        .collect();
    words.join(" ")
}
