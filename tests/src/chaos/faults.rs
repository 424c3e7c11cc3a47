//! The faults, each of which must be seen to have happened.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::sync::mpsc;

use super::load::Load;
use super::random::Random;
use super::world::{FAULT_LIMIT, World};
use super::{strangers, surroundings};
use crate::clock::faketime;
use crate::fixtures;
use crate::platform::STOP_LIMIT;
use crate::process::{Program, children_of};
use crate::proxy::{Action, Proxy};
use crate::wait::{wait_for, within};

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    StoreFails,
    StoreIsBusy,
    StoreStalls,
    StoreCutsAnUpload,
    StoreAnswerLost,
    StoreReadLost,
    TicketAnswerLost,
    OriginKilledBeforeComplete,
    OriginKilledAfterCommit,
    PostAnswerLost,
    OriginRestarted,
    WorkerKilled,
    WorkerKilledDecoding,
    EdgeKilled,
    DetectorDown,
    DatabaseCrashes,
    ClientLeaves,
    ClientSendsTooMuch,
    ClientSendsTooLittle,
    ClientIsSlow,
    DiskFull,
    ClockOff,
}

const ALL: [Fault; 22] = [
    Fault::StoreFails,
    Fault::StoreIsBusy,
    Fault::StoreStalls,
    Fault::StoreCutsAnUpload,
    Fault::StoreAnswerLost,
    Fault::StoreReadLost,
    Fault::TicketAnswerLost,
    Fault::OriginKilledBeforeComplete,
    Fault::OriginKilledAfterCommit,
    Fault::PostAnswerLost,
    Fault::OriginRestarted,
    Fault::WorkerKilled,
    Fault::WorkerKilledDecoding,
    Fault::EdgeKilled,
    Fault::DetectorDown,
    Fault::DatabaseCrashes,
    Fault::ClientLeaves,
    Fault::ClientSendsTooMuch,
    Fault::ClientSendsTooLittle,
    Fault::ClientIsSlow,
    Fault::DiskFull,
    Fault::ClockOff,
];

/// A PUT of an edge's, and nothing that a worker writes.
const EDGE_PUT: &str = "PUT /sluicegate/staging/";
const TICKET: &str = "POST /edge/v1/upload-tickets";
const COMPLETE: &str = "/complete HTTP/1.1";
const POST: &str = "POST /v1/posts HTTP/1.1";
/// A stalled store is let go after this.
const STALL: Duration = Duration::from_secs(2);

impl Fault {
    /// One of those that this machine allows.
    pub fn choose(random: &mut Random, world: &World) -> Self {
        let possible: Vec<Self> = ALL
            .into_iter()
            .filter(|fault| match fault {
                Self::DiskFull => world.disk.is_some(),
                Self::ClockOff => faketime().is_some(),
                _ => true,
            })
            .collect();
        let number = usize::try_from(random.below(possible.len() as u64)).unwrap_or_default();
        possible.get(number).copied().unwrap_or(Self::StoreFails)
    }

    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::StoreFails => "store answers 500 to an upload",
            Self::StoreIsBusy => "store answers 503 to an upload",
            Self::StoreStalls => "store stalls in an upload, then cuts it",
            Self::StoreCutsAnUpload => "store cuts an upload half-way",
            Self::StoreAnswerLost => "store's answer to an upload is lost",
            Self::StoreReadLost => "store's answer to a read is lost",
            Self::TicketAnswerLost => "origin's answer with a ticket is lost",
            Self::OriginKilledBeforeComplete => "origin killed between store and complete",
            Self::OriginKilledAfterCommit => "origin killed between commit and answer",
            Self::PostAnswerLost => "origin's answer to a post is lost",
            Self::OriginRestarted => "origin restarted by SIGTERM",
            Self::WorkerKilled => "worker killed",
            Self::WorkerKilledDecoding => "worker killed while its child decodes",
            Self::EdgeKilled => "edge killed",
            Self::DetectorDown => "detector down",
            Self::DatabaseCrashes => "database crashes and recovers",
            Self::ClientLeaves => "client leaves half-way",
            Self::ClientSendsTooMuch => "client sends more than it said",
            Self::ClientSendsTooLittle => "client sends less than it said",
            Self::ClientIsSlow => "client sends too slowly",
            Self::DiskFull => "disk full at the store",
            Self::ClockOff => "edge's clock two minutes off",
        }
    }
}

/// Lets the fault happen. An error says that it did not.
pub async fn inject(
    fault: Fault,
    world: &mut World,
    load: &Load,
    random: &mut Random,
) -> Result<()> {
    match fault {
        Fault::StoreFails => {
            let answer = Action::Answer("500 Internal Server Error");
            seen(&mut world.store.on(EDGE_PUT, answer)).await.map(drop)
        }
        Fault::StoreIsBusy => {
            let answer = Action::Answer("503 Slow Down");
            seen(&mut world.store.on(EDGE_PUT, answer)).await.map(drop)
        }
        Fault::StoreStalls => {
            let mut holding = world.store.on(EDGE_PUT, Action::Hold);
            seen(&mut holding).await?;
            tokio::time::sleep(STALL).await;
            Ok(())
        }
        Fault::StoreCutsAnUpload => {
            let bytes = 2_000 + random.below(60_000);
            let cut = Action::CutAfter(usize::try_from(bytes)?);
            twice(&world.store, EDGE_PUT, cut).await
        }
        Fault::StoreAnswerLost => twice(&world.store, EDGE_PUT, Action::LoseAnswer).await,
        Fault::StoreReadLost => twice(&world.store, "GET /", Action::LoseAnswer).await,
        Fault::TicketAnswerLost => twice(&world.line, TICKET, Action::LoseAnswer).await,
        Fault::PostAnswerLost => twice(&world.line, POST, Action::LoseAnswer).await,
        Fault::OriginKilledBeforeComplete => {
            let mut holding = world.line.on(COMPLETE, Action::Hold);
            seen(&mut holding).await?;
            kill(&mut world.origin)
        }
        Fault::OriginKilledAfterCommit => {
            twice(&world.line, COMPLETE, Action::LoseAnswer).await?;
            kill(&mut world.origin)
        }
        Fault::OriginRestarted => {
            let origin = world.origin.take().context("the origin runs")?;
            origin.stop(STOP_LIMIT).await
        }
        Fault::WorkerKilled => kill(worker(world, random)?),
        Fault::WorkerKilledDecoding => kill_decoding(worker(world, random)?).await,
        Fault::EdgeKilled => {
            seen(&mut world.store.on(EDGE_PUT, Action::Pass)).await?;
            kill(&mut world.edge)
        }
        Fault::DetectorDown => detector_down(world).await,
        Fault::DatabaseCrashes => crash_database(world.services().pid()?).await,
        Fault::ClientLeaves => client_leaves(world, load, random).await,
        Fault::ClientSendsTooMuch => strangers::sends_too_much(world, load, random).await,
        Fault::ClientSendsTooLittle => strangers::sends_too_little(world, load, random).await,
        Fault::ClientIsSlow => strangers::is_slow(world, load).await,
        Fault::DiskFull => surroundings::disk_full(world, load, random).await,
        Fault::ClockOff => surroundings::clock_off(world, random).await,
    }
}

async fn seen(receiver: &mut mpsc::UnboundedReceiver<String>) -> Result<String> {
    let message = within("the moment of the fault", FAULT_LIMIT, receiver.recv()).await?;
    message.context("the proxy is gone")
}

/// A fault that is told of when it begins and when it has happened.
async fn twice(proxy: &Proxy, text: &str, action: Action) -> Result<()> {
    let mut receiver = proxy.on(text, action);
    seen(&mut receiver).await?;
    seen(&mut receiver).await.map(drop)
}

fn kill(program: &mut Option<Program>) -> Result<()> {
    program.take().context("it runs")?.kill()
}

fn worker<'a>(world: &'a mut World, random: &mut Random) -> Result<&'a mut Option<Program>> {
    let number = usize::try_from(random.below(world.workers.len() as u64))?;
    world.workers.get_mut(number).context("a worker")
}

async fn kill_decoding(worker: &mut Option<Program>) -> Result<()> {
    let pid = worker.as_ref().context("it runs")?.pid()?;
    wait_for("a child that decodes", FAULT_LIMIT, async || {
        Ok((!children_of(pid).is_empty()).then_some(()))
    })
    .await?;
    kill(worker)
}

async fn detector_down(world: &World) -> Result<()> {
    let before = world.detector.failed();
    world.detector.set_down(true);
    wait_for("a question that fails", FAULT_LIMIT, async || {
        Ok((world.detector.failed() > before).then_some(()))
    })
    .await
}

/// One connection's process of Postgres killed makes the whole of it start anew and recover from its log.
async fn crash_database(services: Pid) -> Result<()> {
    let what = "a connection of the database's, below the services";
    let (postmaster, connection) = wait_for(what, FAULT_LIMIT, async || {
        let is_connection =
            |(_, pid): &(Pid, Pid)| command_line(*pid).is_some_and(|line| line.contains("[local]"));
        Ok(below(services).into_iter().find(is_connection))
    })
    .await?;
    let before = children_of(postmaster);
    kill_process(connection, Signal::KILL)?;
    wait_for("the database to start anew", FAULT_LIMIT, async || {
        let gone = |pid: &Pid| test_kill_process(*pid).is_err();
        Ok(before.iter().all(gone).then_some(()))
    })
    .await?;
    ensure!(
        test_kill_process(postmaster).is_ok(),
        "the postmaster lives on"
    );
    Ok(())
}

/// All processes below one, each with its parent.
fn below(root: Pid) -> Vec<(Pid, Pid)> {
    let mut found: Vec<_> = children_of(root)
        .into_iter()
        .map(|pid| (root, pid))
        .collect();
    let mut next = 0;
    while let Some((_, parent)) = found.get(next).copied() {
        found.extend(children_of(parent).into_iter().map(|pid| (parent, pid)));
        next += 1;
    }
    found
}

fn command_line(pid: Pid) -> Option<String> {
    let path = format!("/proc/{}/cmdline", pid.as_raw_nonzero());
    std::fs::read_to_string(path).ok()
}

/// The connection closes in the middle of the body; there is nobody to be answered.
async fn client_leaves(world: &World, load: &Load, random: &mut Random) -> Result<()> {
    let mut picture = fixtures::noise(random.number(), false)?;
    // By its length it is told from all others.
    picture.resize(2 * picture.len() + usize::try_from(random.below(4096))?, 0);
    let half = picture.len() * 3 / 4;
    let (mut writer, body) = tokio::io::duplex(16 * 1024);
    let length = format!("content-length: {}\r\n", picture.len());
    let mut passing = world.store.on(&length, Action::Pass);
    let request = load
        .bystander
        .request(Method::POST, "/v1/uploads?purpose=avatar")
        .header("content-length", picture.len())
        .body(reqwest::Body::wrap_stream(
            tokio_util::io::ReaderStream::new(body),
        ));
    let sending = tokio::spawn(request.send());
    let part = picture.get(..half).context("half a picture")?;
    within(
        "half a picture to be sent",
        FAULT_LIMIT,
        tokio::io::AsyncWriteExt::write_all(&mut writer, part),
    )
    .await??;
    let head = seen(&mut passing).await?;
    ensure!(head.contains(EDGE_PUT), "the store was asked: {head}");
    ensure!(!sending.is_finished(), "the edge answered half a picture");
    sending.abort();
    Ok(())
}
