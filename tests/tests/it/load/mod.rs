//! The edge when a store stands still and everybody is there.

mod stand_ins;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jwt_simple::prelude::{Claims, HS256Key, MACLike};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};
use sluicegate_contract::token::{Role, TokenClaims};
use sluicegate_tests::edge::{self, EdgePlace};
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::{self, STOP_LIMIT};
use sluicegate_tests::wait::{wait_for, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::{raw, shared};
use stand_ins::{Seen, StandIns};

const PLACES: usize = 256;
const OTHERS: usize = 1000;
const CLIENTS: usize = PLACES + OTHERS;
/// Uploads a person may have open.
const EACH: usize = 20;
const FILE: usize = 10 * 1024 * 1024;
/// So many of the others wait at the same time, at least.
const MOST_OTHERS: usize = OTHERS * 9 / 10;
const MOST_MEMORY: u64 = 512 << 20;
/// For a loaded machine; nothing here is measured in time.
const PATIENCE: Duration = Duration::from_mins(4);

fn token(person: usize) -> String {
    let claims = TokenClaims {
        sid: "01890000-0000-7000-9000-000000000000".parse().unwrap(),
        role: Role::User,
    };
    let valid_for = jwt_simple::prelude::Duration::from_mins(15);
    let claims = Claims::with_custom_claims(claims, valid_for)
        .with_issuer("sluicegate")
        .with_audience("sluicegate")
        .with_subject(format!("01890000-0000-7000-a000-{person:012x}"));
    HS256Key::from_bytes(shared::JWT_SECRET.as_bytes())
        .authenticate(claims)
        .unwrap()
}

/// The most memory that a process ever had, in bytes.
fn peak(pid: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().split_whitespace().next().unwrap();
    kib.parse::<u64>().unwrap() << 10
}

/// Sends a file until it is answered, reading all the time as browsers do; gives the status if there is one.
async fn upload(edge: &str, token: &str, file: &[u8]) -> Option<u16> {
    // What does not get through stays here and not in the machine's buffers.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(64 * 1024).unwrap();
    let address = edge.trim_start_matches("http://").parse().unwrap();
    let stream = socket.connect(address).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let head = raw::upload_head(token, &format!("content-length: {}", file.len()));
    let sending = async {
        // It may be broken off; what counts is the answer.
        if writing.write_all(head.as_bytes()).await.is_ok() {
            let _ = writing.write_all(file).await;
        }
        std::future::pending::<()>().await;
    };
    let mut line = [0; 12];
    tokio::select! {
        read = reading.read_exact(&mut line) => read.ok()?,
        () = sending => unreachable!("it never ends"),
    };
    String::from_utf8_lossy(&line[9..]).parse().ok()
}

/// Asks how something stands; the answer comes when the stand-ins are told, or when the edge gives up waiting.
async fn wait(edge: &str, token: &str) {
    let mut stream = raw::connect(edge).await.unwrap();
    let request = format!(
        "GET /v1/uploads/01890000-0000-7000-8000-000000000000?wait=20 HTTP/1.1\r\nhost: edge\r\n\
         authorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
}

/// A client's whole stay: it sends its file, and where there is no place for that it waits and tries again.
/// It ends when it is told that the store stands still, or with the test.
async fn visit(edge: String, number: usize, file: Arc<Vec<u8>>, seen: Arc<Seen>) {
    let token = token(number / EACH);
    loop {
        let status = upload(&edge, &token, &file).await;
        if status == Some(503) {
            wait(&edge, &token).await;
        }
        if seen.is_released() || (status == Some(504) && seen.is_stalled()) {
            return;
        }
    }
}

/// The numbers of those that hang and that wait.
fn present(seen: &Seen) -> (usize, usize) {
    let hanging = seen.hanging.load(Ordering::Relaxed);
    (hanging, seen.waiting.load(Ordering::Relaxed))
}

fn allow_many_files() -> bool {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    let needed = 8 * CLIENTS as u64;
    current.is_none_or(|maximum| maximum >= needed)
        && setrlimit(Resource::Nofile, Rlimit { current, ..limit }).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_store_and_a_thousand_clients_do_not_fill_the_memory() {
    let _turn = shared::in_turn().await;
    if !allow_many_files() {
        return shared::skip("load", "too few open files are allowed");
    }
    let stand_ins = StandIns::start().await;
    let seen = &stand_ins.seen;
    let data = platform::data_directory().unwrap();
    let place = EdgePlace {
        origin_url: &stand_ins.origin_url,
        store_url: &stand_ins.store_url,
        listen: "127.0.0.1:0",
    };
    // All of them come from one address, and all are let in: more than are by default.
    let mut options = shared::options();
    for limit in ["requests", "requests-per-client", "connections-per-client"] {
        // Who comes again may be there twice for a moment.
        let limit = [format!("--max-{limit}"), (2 * CLIENTS).to_string()];
        options.edge_arguments.extend(limit);
    }
    let started = edge::start_edge(data.path(), &options, &place).await;
    let (edge, url) = started.unwrap();
    let pid = edge.pid().unwrap();
    let before = peak(pid);

    let mut file = fixtures::read("photo.jpg").unwrap();
    file.resize(FILE, 0x5a);
    let file = Arc::new(file);
    let visits: Vec<_> = (0..CLIENTS)
        .map(|number| tokio::spawn(visit(url.clone(), number, file.clone(), seen.clone())))
        .collect();
    let together = wait_for("everybody to hang or to wait", PATIENCE, async || {
        let (hanging, waiting) = present(seen);
        // A few are always between two attempts.
        Ok((hanging == PLACES && waiting >= MOST_OTHERS).then_some((hanging, waiting)))
    });
    let together = together.await;
    let together = together.unwrap_or_else(|error| panic!("{error}: {:?}", present(seen)));
    stand_ins.stall();
    wait_for("those that hang to be told so", PATIENCE, async || {
        let told = visits.iter().filter(|visit| visit.is_finished()).count();
        Ok((told >= PLACES).then_some(()))
    })
    .await
    .unwrap();
    stand_ins.release();
    for visit in visits {
        let stayed = within("the end of a client's stay", PATIENCE, visit);
        stayed.await.unwrap().unwrap();
    }

    let most = peak(pid);
    shared::measured(&format!(
        "{} uploads of 10 MiB hung at a store while {} clients waited: the edge had at most {} MiB ({} at its start)",
        together.0,
        together.1,
        most >> 20,
        before >> 20,
    ));
    assert!(most < MOST_MEMORY, "{} MiB", most >> 20);
    edge.stop(STOP_LIMIT).await.unwrap();
}
