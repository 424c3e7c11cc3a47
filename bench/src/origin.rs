//! A whole platform under load: how fast it takes pictures and posts, and how fast it is through with them.

mod backlog;
pub(crate) mod pictures;
mod posts;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http::StatusCode;
use sluicegate_contract::uploads::UploadState;
use sluicegate_core::job::{IMAGE_QUEUE, POST_QUEUE};
use sluicegate_postgres::Database;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, Platform};
use sluicegate_tests::process::Program;

use crate::http::{Ask, Client};
use crate::load::Size;
use crate::report::table;
use crate::usage::peak_memory;

/// Each may have 20 open tickets and 200 pictures a day.
const PEOPLE: usize = 8;
const UPLOADS: usize = 160;
const LARGE_UPLOADS: usize = 48;
const POSTS: usize = 2_000;
const READS: usize = 5_000;
/// For all jobs to be done.
const DRAIN_LIMIT: Duration = Duration::from_mins(5);
const LOOK: Duration = Duration::from_millis(20);
/// One connection: what counts must not take from those who work.
const LITTLE: sluicegate_postgres::Options = sluicegate_postgres::Options {
    max_connections: 1,
    acquire_timeout: Duration::from_secs(5),
    call_timeout: Duration::from_secs(10),
};

pub(crate) type Row = Vec<String>;

pub(crate) struct Bench {
    pub(crate) client: Client,
    pub(crate) platform: Platform,
    tokens: Arc<Vec<String>>,
    /// To count what waits: the origin's metrics do that every few seconds only.
    database: Database,
    rows: Vec<Row>,
}

pub(crate) async fn main(size: Size) -> Result<()> {
    let photo = fixtures::read("photo.jpg")?;
    let large = fixtures::large_photo()?;
    let mut bench = Bench::start(Options::default()).await?;
    bench
        .pictures("2 MP", photo.clone(), size.of(UPLOADS))
        .await?;
    bench
        .pictures("12 MP", large.clone(), size.of(LARGE_UPLOADS))
        .await?;
    bench.posts(size.of(POSTS)).await?;
    bench.reads(size.of(READS)).await?;
    let (origin, edge) = (
        peak_memory(pid(bench.origin()?)?)?,
        peak_memory(pid(&bench.platform.edge)?)?,
    );
    let mut rows = bench.stop().await?;
    rows.extend(backlog::drained(size).await?);
    rows.extend(backlog::bounded(size, large).await?);
    println!();
    table(&["what", "figure", "more"], &rows);
    println!("\nmost memory: origin {origin} MiB, edge {edge} MiB");
    Ok(())
}

fn pid(program: &Program) -> Result<i32> {
    Ok(program.pid()?.as_raw_nonzero().get())
}

impl Bench {
    /// A platform that judges after it has answered, and the people who use it.
    pub(crate) async fn start(options: Options) -> Result<Self> {
        let options = options
            .setting("MODERATION_IMAGE_ASYNC", "true")
            .setting("MODERATION_CONTENT_ASYNC", "true");
        let platform = Platform::start(options).await?;
        let mut tokens = Vec::new();
        for person in 0..PEOPLE {
            let stranger = platform.client()?;
            let (_, session) = stranger.sign_up(&format!("bench_{person}")).await?;
            tokens.push(session.access_token);
        }
        Ok(Self {
            client: Client::new(),
            database: Database::connect(&platform.database_url()?, &LITTLE).await?,
            platform,
            tokens: Arc::new(tokens),
            rows: Vec::new(),
        })
    }

    pub(crate) async fn stop(self) -> Result<Vec<Row>> {
        self.database.close().await;
        self.platform.stop().await?;
        Ok(self.rows)
    }

    fn origin(&self) -> Result<&Program> {
        self.platform.origin.as_ref().context("the origin runs")
    }

    fn row(&mut self, what: &str, figure: String, more: String) {
        self.rows.push(vec![what.to_owned(), figure, more]);
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

    /// Runs a load, and looks meanwhile how many of a thing the database has.
    async fn watched<T>(
        &self,
        load: impl Future<Output = Result<T>>,
        thing: Thing,
    ) -> Result<(T, Vec<u64>)> {
        let mut seen = Vec::new();
        let mut look = tokio::time::interval(LOOK);
        tokio::pin!(load);
        loop {
            tokio::select! {
                done = &mut load => return Ok((done?, seen)),
                _ = look.tick() => seen.push(self.number_of(thing).await?),
            }
        }
    }

    pub(crate) async fn number_of(&self, thing: Thing) -> Result<u64> {
        let now = self.database.server_time().await?;
        let queue = match thing {
            Thing::PictureJobs => IMAGE_QUEUE,
            Thing::PostJobs | Thing::Pictures => POST_QUEUE,
        };
        let census = self.database.census(&[queue], now).await?;
        Ok(match thing {
            Thing::PostJobs | Thing::PictureJobs => census
                .queues
                .iter()
                .map(|(_, jobs)| jobs.ready + jobs.running)
                .sum(),
            Thing::Pictures => census
                .uploads
                .iter()
                .filter(|(state, _)| {
                    matches!(state, UploadState::Received | UploadState::Processing)
                })
                .map(|(_, number)| number)
                .sum(),
        })
    }

    /// Waits until none is left; how long that took.
    pub(crate) async fn until_none(&self, thing: Thing) -> Result<Duration> {
        let start = Instant::now();
        while self.number_of(thing).await? > 0 {
            ensure!(start.elapsed() < DRAIN_LIMIT, "not done in time");
            tokio::time::sleep(LOOK).await;
        }
        Ok(start.elapsed())
    }
}

/// What waits to be worked on, or is being.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Thing {
    PostJobs,
    PictureJobs,
    Pictures,
}
