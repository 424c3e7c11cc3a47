//! Two origins that are restarted one after the other, behind a balancer that is told before or behind `HAProxy`, which has
//! to find out: whoever uses the platform meanwhile sees nothing of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::{Signal, kill_process};
use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::UploadState;
use sluicegate_tests::balancer::Balancer;
use sluicegate_tests::client::Client;
use sluicegate_tests::events::Events;
use sluicegate_tests::fixtures;
use sluicegate_tests::haproxy::Haproxy;
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT, keep};
use sluicegate_tests::process::Program;
use sluicegate_tests::wait::{wait_for, within};
use tokio_util::sync::CancellationToken;

use crate::shared::measured;

const CLIENTS: u64 = 8;
const LIMIT: Duration = Duration::from_mins(2);
/// Fewer than an account may send in a day.
const PICTURES: u64 = 150;

/// What one client has seen so far.
#[derive(Default)]
struct Seen {
    /// All of them went well.
    rounds: AtomicU64,
    /// Event streams that ended before the upload was ready: an origin that ends does that, and clients come back.
    reopened: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

async fn work(client: Client, number: u64, seen: Arc<Seen>, stop: CancellationToken) {
    let mut turn = 0;
    while !stop.is_cancelled() {
        let what = format!("round {turn} of client {number}");
        let round = within(what, LIMIT, round(&client, number, turn, &seen)).await;
        if let Err(error) = round.flatten() {
            seen.wrong.lock().unwrap().push(format!("{error:#}"));
            return;
        }
        seen.rounds.fetch_add(1, Ordering::Relaxed);
        turn += 1;
    }
}

/// Each request once, and each must be done.
async fn round(client: &Client, number: u64, turn: u64, seen: &Seen) -> Result<()> {
    client.me().await?;
    let mut header = None;
    if turn < PICTURES {
        let picture = fixtures::noise(turn * CLIENTS + number, false)?;
        let upload = client.upload_ok("post_header", picture).await?;
        while !Events::open(client, upload.id).await?.until_ready().await? {
            seen.reopened.fetch_add(1, Ordering::Relaxed);
        }
        header = Some(upload.id);
    }
    let text = format!("The water of {number} stands at {turn} today.");
    let written: Post = client.post(&text, header).await?.expect(201)?;
    let path = format!("/v1/posts/{}", written.id);
    let read: Post = client.get(&path).await?.expect(200)?;
    ensure!(read.body == text, "another post: {read:?}");
    client.newest_posts().await?;
    Ok(())
}

/// Waits until each client has been through more than one whole round from now on.
async fn each_goes_on(when: &str, seen: &[Arc<Seen>]) {
    let rounds = || seen.iter().map(|seen| seen.rounds.load(Ordering::Relaxed));
    let before: Vec<_> = rounds().collect();
    wait_for(format!("each client to go on {when}"), LIMIT, async || {
        for seen in seen {
            let wrong = seen.wrong.lock().unwrap();
            ensure!(wrong.is_empty(), "{when}: {wrong:?}");
        }
        let more = rounds().zip(&before).all(|(now, before)| now > before + 1);
        Ok(more.then_some(()))
    })
    .await
    .unwrap();
}

/// What stands in front of the origins.
enum Front {
    /// Sends nothing twice, and asks nobody whether they are well: it is told before an origin is.
    Told(Balancer),
    /// With the settings of operators. It is told nothing: the signal comes first, as from Compose.
    Finds(Haproxy),
}

impl Front {
    fn url(&self) -> &str {
        match self {
            Self::Told(balancer) => &balancer.url,
            Self::Finds(haproxy) => &haproxy.url,
        }
    }

    /// An origin (from 0) is about to be told to end.
    fn before_the_end(&self, url: &str) {
        if let Self::Told(balancer) = self {
            assert!(balancer.given(url) > 0, "nobody has used {url}");
            balancer.take_out(url);
        }
    }

    /// It has ended.
    async fn after_the_end(&mut self, nth: usize) {
        if let Self::Finds(haproxy) = self {
            haproxy.finds_gone(nth).await.unwrap();
        }
    }

    /// Another one is in its place.
    async fn begins(&mut self, url: &str, nth: usize) {
        match self {
            Self::Told(balancer) => balancer.put_in(url),
            Self::Finds(haproxy) => haproxy.finds_back(nth).await.unwrap(),
        }
    }
}

/// Replaces an origin (from 0), and answers the new one.
async fn replace(
    platform: &Platform,
    front: &mut Front,
    seen: &[Arc<Seen>],
    (origin, url): (Program, &str),
    nth: usize,
) -> Program {
    front.before_the_end(url);
    // Edges have connections to it, and use them.
    kill_process(origin.pid().unwrap(), Signal::TERM).unwrap();
    each_goes_on("while an origin ends", seen).await;
    let said = origin.finish(STOP_LIMIT).await.unwrap();
    assert!(said.iter().any(|line| line.contains("stopped")), "{said:?}");
    let cut = said.iter().find(|line| line.contains("were cut"));
    assert_eq!(cut, None);
    let _kept = keep(url).unwrap();
    front.after_the_end(nth).await;
    let origin = platform.start_origin_at(url).await.unwrap();
    front.begins(url, nth).await;
    each_goes_on("with a new origin", seen).await;
    origin
}

/// Both origins tell of what a process apart from them does.
async fn both_tell(platform: &Platform, client: &Client, origins: [&str; 2]) -> Program {
    let picture = fixtures::read("photo.png").unwrap();
    let upload = client.upload_ok("avatar", picture).await.unwrap();
    let mut streams = Vec::new();
    for url in origins {
        let mut events = Events::open(&client.at(url), upload.id).await.unwrap();
        let first = events.next().await.unwrap().expect("how it stands");
        assert_eq!(first.status, UploadState::Received);
        streams.push(events);
    }
    let worker = platform.start_worker().await.unwrap();
    for mut events in streams {
        let ready = within("the event", LIMIT, events.until_ready()).await;
        assert!(ready.flatten().unwrap(), "the stream ended before");
    }
    worker
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_one_origin_after_the_other_fails_no_request() {
    let options = Options {
        no_workers: true,
        ..Options::default()
    };
    let mut platform = Platform::start(options).await.unwrap();
    let balancer = Balancer::start().await.unwrap();
    let second = platform.start_another_origin().await.unwrap();
    for url in [&platform.origin_url, &second.1] {
        balancer.put_in(url);
    }
    let front = Front::Told(balancer);
    let on = platform.servers();
    restart_one_after_the_other(&mut platform, second, front, &on, &[]).await;
    platform.stop().await.unwrap();
}

/// The same behind `HAProxy`, of a platform whose origin has no workers. `edge` are variables of an edge in front, beside the
/// usual ones.
pub(crate) async fn restart_behind_haproxy(
    platform: &mut Platform,
    on: &str,
    edge: &[(&str, &str)],
) {
    let second = platform.start_another_origin().await.unwrap();
    let origins = [platform.origin_url.as_str(), &second.1];
    let haproxy = Haproxy::before(&origins).await.unwrap();
    let on = format!("{on}, {}", haproxy.version());
    restart_one_after_the_other(platform, second, Front::Finds(haproxy), &on, edge).await;
}

async fn restart_one_after_the_other(
    platform: &mut Platform,
    second: (Program, String),
    mut front: Front,
    on: &str,
    edge: &[(&str, &str)],
) {
    let first = (platform.origin.take().unwrap(), platform.origin_url.clone());
    let edge = platform.start_edge_with(front.url(), edge).await;
    let (edge, edge_url) = edge.unwrap();
    let (mut seen, mut working) = (Vec::new(), Vec::new());
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let client = platform.sign_up(&format!("rolling_{number}")).await;
        clients.push(client.unwrap().at(&edge_url));
        seen.push(Arc::new(Seen::default()));
    }
    let worker = both_tell(platform, &clients[0], [&first.1, &second.1]).await;

    let stop = CancellationToken::new();
    for (number, client) in (0..).zip(&clients) {
        let seen = Arc::clone(&seen[usize::try_from(number).unwrap()]);
        working.push(tokio::spawn(work(
            client.clone(),
            number,
            seen,
            stop.clone(),
        )));
    }
    each_goes_on("at first", &seen).await;
    let urls = [first.1.as_str(), &second.1];
    let first = replace(platform, &mut front, &seen, (first.0, urls[0]), 0).await;
    let second = replace(platform, &mut front, &seen, (second.0, urls[1]), 1).await;
    stop.cancel();
    for task in working {
        task.await.unwrap();
    }
    let count = |of: fn(&Seen) -> &AtomicU64| -> u64 {
        seen.iter()
            .map(|seen| of(seen).load(Ordering::Relaxed))
            .sum()
    };
    let (rounds, reopened) = (count(|seen| &seen.rounds), count(|seen| &seen.reopened));
    measured(&format!(
        "two origins on {on} were restarted one after the other under {CLIENTS} clients: {rounds} rounds of requests, none failed, \
         {reopened} event streams opened again"
    ));
    for seen in &seen {
        let wrong = seen.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    worker.stop(STOP_LIMIT).await.unwrap();
    let worker = both_tell(platform, &clients[1], urls).await;
    worker.stop(STOP_LIMIT).await.unwrap();
    edge.stop(STOP_LIMIT).await.unwrap();
    for origin in [first, second] {
        origin.stop(STOP_LIMIT).await.unwrap();
    }
}
