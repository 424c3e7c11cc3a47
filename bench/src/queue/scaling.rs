//! Workers that only wait: so many of them should do so many times as much.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::StatusCode;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::media::MediaKey;
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{Options, STOP_LIMIT};
use sluicegate_tests::process::Program;

use super::detector::{SlowDetector, TIME};
use super::{NO_REDIS, redis, skipped};
use crate::http::Ask;
use crate::load::{Size, count, run};
use crate::origin::{Bench, Row, Thing};
use crate::report::number;
use crate::usage::cpu_of_all;

pub(super) const HEAD: [&str; 6] = [
    "queue",
    "`work` processes",
    "pictures at once",
    "judged",
    "of linear",
    "CPU of the workers, a picture",
];
/// For each picture that is judged at once: ten seconds, if nothing but the detector takes time.
const PICTURES: usize = 20;
/// Pictures made on demand at once; the origin allows 8.
const MADE_AT_ONCE: usize = 4;

/// `DATABASE_POOL` of each worker.
const CONNECTIONS: usize = 6;

/// Who works.
#[derive(Clone, Copy)]
struct Crew {
    processes: usize,
    /// `IMAGE_JOBS` of each.
    jobs: usize,
}

impl Crew {
    const ALL: [Self; 8] = [
        Self::one_at_a_time(1),
        Self::one_at_a_time(2),
        Self::one_at_a_time(4),
        Self::one_at_a_time(8),
        Self::alone(4),
        Self::alone(8),
        Self::alone(16),
        Self::alone(32),
    ];

    const fn one_at_a_time(processes: usize) -> Self {
        Self { processes, jobs: 1 }
    }

    const fn alone(jobs: usize) -> Self {
        Self { processes: 1, jobs }
    }

    fn at_once(self) -> usize {
        self.processes * self.jobs
    }
}

/// What they did.
struct Judged {
    per_second: f64,
    cpu: Duration,
}

pub(super) async fn rows(size: Size) -> Result<Vec<Row>> {
    let photo = Bytes::from(fixtures::noise(1, false)?);
    let mut rows = of_queue("table", size, &photo, Options::default()).await?;
    rows.extend(match redis().await {
        Some(redis) => {
            let options = Options::default().setting("REDIS_URL", &redis.url());
            of_queue("BullMQ by our relay", size, &photo, options).await?
        }
        None => vec![skipped("BullMQ by our relay", NO_REDIS)],
    });
    Ok(rows)
}

async fn of_queue(queue: &str, size: Size, photo: &Bytes, options: Options) -> Result<Vec<Row>> {
    let detector = SlowDetector::start().await?;
    let mut options = options.setting("MODERATION_IMAGE_SERVICE_URL", &detector.url);
    options.no_workers = true;
    let bench = Bench::start(options).await?;
    let mut rows = Vec::new();
    let mut alone = None;
    for crew in Crew::ALL {
        let total = size.of(PICTURES) * crew.at_once();
        println!(
            "{total} pictures, {} at once in each of {} workers, {queue} …",
            crew.jobs, crew.processes
        );
        bench.make(photo, total).await?;
        let judged = judge(&bench, &detector, crew, total).await?;
        let alone = *alone.get_or_insert(judged.per_second);
        rows.push(vec![
            queue.to_owned(),
            crew.processes.to_string(),
            crew.at_once().to_string(),
            format!("{}/s", number(judged.per_second)),
            format!(
                "{:.2}",
                judged.per_second / (alone * count(crew.at_once())).max(f64::EPSILON)
            ),
            format!("{:.1} ms", judged.cpu.as_secs_f64() * 1e3),
        ]);
    }
    bench.stop().await?;
    Ok(rows)
}

/// From the moment in which each of them waits for the detector, until no job is left.
async fn judge(bench: &Bench, detector: &SlowDetector, crew: Crew, total: usize) -> Result<Judged> {
    detector.hold();
    let mut workers = Vec::new();
    for _ in 0..crew.processes {
        // Enough for what each does; the embedded database has 100 connections for all of them.
        let settings = [
            ("IMAGE_JOBS", crew.jobs),
            ("MODERATION_IMAGE_SERVICE_CONCURRENCY", crew.jobs),
            ("DATABASE_POOL", CONNECTIONS),
        ]
        .map(|(name, number)| (name.to_owned(), number.to_string()));
        let worker = bench.platform.start_worker_with(settings.to_vec());
        workers.push(worker.await?);
    }
    detector.begin_with(crew.at_once()).await?;
    let (before, began) = (used(&workers)?, Instant::now());
    bench.until_none(Thing::PictureJobs).await?;
    let took = began.elapsed();
    let cpu = used(&workers)?.saturating_sub(before);
    for worker in workers {
        worker.stop(STOP_LIMIT).await?;
    }
    let judged = detector.judged();
    ensure!(
        judged == total,
        "{judged} pictures were judged, of {total} that came"
    );
    ensure!(took >= TIME, "faster than the detector");
    Ok(Judged {
        per_second: count(total) / took.as_secs_f64(),
        cpu: cpu.checked_div(u32::try_from(total)?).unwrap_or_default(),
    })
}

fn used(workers: &[Program]) -> Result<Duration> {
    workers.iter().map(|worker| cpu_of_all(worker.pid()?)).sum()
}

impl Bench {
    /// Uploads pictures and asks for them, so that they are made before anybody judges them.
    async fn make(&self, photo: &Bytes, total: usize) -> Result<()> {
        let sent = self.upload_all(photo.clone(), total).await?;
        ensure!(sent.ids.len() == total, "an upload failed");
        let ids: Vec<UploadId> = sent.ids.iter().map(|(_, id)| *id).collect();
        let (client, edge) = (self.client.clone(), self.platform.edge_url.clone());
        run(total, MADE_AT_ONCE, move |number| {
            let url = ids
                .get(number)
                .map(|id| format!("{edge}{}", MediaKey(*id).url()));
            let client = client.clone();
            async move {
                let url = url.unwrap_or_default();
                client.drain(Ask::get(&url), StatusCode::OK).await
            }
        })
        .await?;
        self.wait_for_uploads(&sent.ids).await.map(drop)
    }
}
