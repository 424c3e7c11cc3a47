//! Two origins that are restarted one after the other, behind a balancer that sends nothing twice: whoever uses the
//! platform meanwhile sees nothing of it.

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
use sluicegate_tests::platform::{Options, Platform, STOP_LIMIT};
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

/// Restarts an origin as an operator does: no more connections for it, and then the signal.
async fn replace(
    platform: &Platform,
    balancer: &Balancer,
    seen: &[Arc<Seen>],
    (origin, url): (Program, String),
) -> (Program, String) {
    assert!(balancer.given(&url) > 0, "nobody has used {url}");
    balancer.take_out(&url);
    // Edges have connections to it, and use them.
    kill_process(origin.pid().unwrap(), Signal::TERM).unwrap();
    each_goes_on("while an origin ends", seen).await;
    let said = origin.finish(STOP_LIMIT).await.unwrap();
    assert!(said.iter().any(|line| line.contains("stopped")), "{said:?}");
    let cut = said.iter().find(|line| line.contains("were cut"));
    assert_eq!(cut, None);
    let (origin, url) = platform.start_another_origin().await.unwrap();
    balancer.put_in(&url);
    each_goes_on("with a new origin", seen).await;
    (origin, url)
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
    restart_one_after_the_other(&mut platform, "embedded services", &[]).await;
    platform.stop().await.unwrap();
}

/// Of a platform whose origin has no workers. `edge` are variables of an edge in front of both, beside the usual ones.
pub(crate) async fn restart_one_after_the_other(
    platform: &mut Platform,
    on: &str,
    edge: &[(&str, &str)],
) {
    let first = (platform.origin.take().unwrap(), platform.origin_url.clone());
    let second = platform.start_another_origin().await.unwrap();
    let balancer = Balancer::start().await.unwrap();
    balancer.put_in(&first.1);
    balancer.put_in(&second.1);
    let edge = platform.start_edge_with(&balancer.url, edge).await;
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
    let first = replace(platform, &balancer, &seen, first).await;
    let second = replace(platform, &balancer, &seen, second).await;
    assert!(balancer.given(&first.1) > 0, "nobody has used the new one");
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
    let worker = both_tell(platform, &clients[1], [&first.1, &second.1]).await;
    worker.stop(STOP_LIMIT).await.unwrap();
    edge.stop(STOP_LIMIT).await.unwrap();
    for (origin, _) in [first, second] {
        origin.stop(STOP_LIMIT).await.unwrap();
    }
}
