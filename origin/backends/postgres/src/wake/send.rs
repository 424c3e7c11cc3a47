use std::collections::VecDeque;

use sluicegate_core::wake::Wake;
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::broadcast::{
    self,
    error::{RecvError, TryRecvError},
};
use tokio::time::{Instant, sleep_until};

use super::hints::{Foreign, PAYLOAD_BYTES, encode};
use super::{Backoff, CHANNEL, PACE, answered};
use crate::pool;

/// Hints that wait at most; the oldest is dropped for one more.
const WAITING: usize = 1_024;

/// Never ends by itself, unless nobody is left who could give hints.
pub(super) async fn run(
    options: PgConnectOptions,
    mut hints: broadcast::Receiver<Wake>,
    foreign: &Foreign,
) {
    let mut waiting = VecDeque::new();
    let mut backoff = Backoff::new();
    loop {
        let error = match connect(&options, foreign).await {
            Ok(connection) => {
                backoff.reset();
                match forward(connection, &mut hints, &mut waiting, foreign).await {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        backoff.pause("sends wake-ups", &error).await;
        catch_up(&mut hints, &mut waiting, foreign);
    }
}

/// What came while there was no connection. What others gave would otherwise be remembered for as long as there is none.
fn catch_up(
    hints: &mut broadcast::Receiver<Wake>,
    waiting: &mut VecDeque<Wake>,
    foreign: &Foreign,
) {
    loop {
        match hints.try_recv() {
            Ok(hint) if foreign.takes(hint) => {}
            Ok(hint) => gather(waiting, hint),
            Err(TryRecvError::Lagged(_)) => foreign.forget(),
            // Whoever connects next finds out that there can be no more.
            Err(TryRecvError::Empty | TryRecvError::Closed) => return,
        }
    }
}

async fn connect(options: &PgConnectOptions, foreign: &Foreign) -> sqlx::Result<PgConnection> {
    answered(async {
        let mut connection = pool::connect(options).await?;
        let process = sqlx::query_scalar!(r#"select pg_backend_pid() as "process!""#)
            .fetch_one(&mut connection)
            .await?;
        foreign.set_sender(process.cast_unsigned());
        Ok(connection)
    })
    .await
}

/// Gathers hints and sends them, one notification a [`PACE`]. `Ok` when there can be no more.
async fn forward(
    mut connection: PgConnection,
    hints: &mut broadcast::Receiver<Wake>,
    waiting: &mut VecDeque<Wake>,
    foreign: &Foreign,
) -> sqlx::Result<()> {
    let mut next = Instant::now();
    loop {
        tokio::select! {
            hint = hints.recv() => match hint {
                Ok(hint) if foreign.takes(hint) => {}
                Ok(hint) => gather(waiting, hint),
                Err(RecvError::Lagged(_)) => foreign.forget(),
                Err(RecvError::Closed) => return Ok(()),
            },
            () = sleep_until(next), if !waiting.is_empty() => {
                let (payload, taken) = payload(waiting);
                let notify = sqlx::query!("select pg_notify($1, $2)", CHANNEL, payload);
                answered(notify.execute(&mut connection)).await?;
                waiting.drain(..taken);
                next = Instant::now() + PACE;
            }
        }
    }
}

fn gather(waiting: &mut VecDeque<Wake>, hint: Wake) {
    if waiting.contains(&hint) {
        return;
    }
    if waiting.len() == WAITING {
        waiting.pop_front();
    }
    waiting.push_back(hint);
}

/// As many of the oldest hints as one notification holds.
fn payload(waiting: &VecDeque<Wake>) -> (String, usize) {
    let mut payload = String::new();
    let mut taken = 0;
    for line in waiting.iter().map(|hint| encode(*hint)) {
        if payload.len() + line.len() > PAYLOAD_BYTES {
            break;
        }
        payload.push_str(&line);
        taken += 1;
    }
    (payload, taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicegate_contract::ids::UploadId;
    use uuid::Uuid;

    fn upload(n: u128) -> Wake {
        Wake::Upload(UploadId(Uuid::from_u128(n)))
    }

    #[test]
    fn equal_hints_are_one_and_the_newest_are_kept() {
        let mut waiting = VecDeque::new();
        gather(&mut waiting, upload(0));
        gather(&mut waiting, upload(0));
        assert_eq!(waiting.len(), 1);
        for n in 0..=1_024 {
            gather(&mut waiting, upload(n));
        }
        assert_eq!(waiting.len(), WAITING);
        assert_eq!(waiting.front(), Some(&upload(1)));
    }

    #[test]
    fn what_came_without_a_connection_is_sorted_out() {
        let (sender, mut hints) = broadcast::channel(16);
        let (foreign, mut waiting) = (Foreign::default(), VecDeque::new());
        foreign.arrives(upload(1));
        for hint in [upload(1), upload(2)] {
            sender.send(hint).unwrap();
        }
        catch_up(&mut hints, &mut waiting, &foreign);
        assert_eq!(waiting, [upload(2)]);
        assert!(!foreign.takes(upload(1)), "it is remembered no more");

        // More than the channel holds: nobody knows which were others'.
        foreign.arrives(upload(3));
        for n in 4..=30 {
            sender.send(upload(n)).unwrap();
        }
        catch_up(&mut hints, &mut waiting, &foreign);
        assert!(!foreign.takes(upload(3)));
    }

    #[test]
    fn a_payload_fits() {
        let waiting: VecDeque<Wake> = (0..1_000).map(upload).collect();
        let (payload, taken) = payload(&waiting);
        assert!(payload.len() < 8_000, "{}", payload.len());
        assert_eq!(payload.lines().count(), taken);
        assert!(taken > 100);
    }
}
