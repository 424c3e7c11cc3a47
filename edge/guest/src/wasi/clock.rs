//! Time, randomness and the log.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use sluicegate_policy::UnixSeconds;
use spin_sdk::wasip3::clocks::{monotonic_clock, system_clock};
use spin_sdk::wasip3::random::random;

/// The time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

/// Now.
pub fn seconds() -> UnixSeconds {
    u64::try_from(system_clock::now().seconds).unwrap_or(0)
}

/// Waits.
pub async fn pause(time: Duration) {
    monotonic_clock::wait_for(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)).await;
}

/// Gives `work` that long; it is dropped, and so cancelled, when the time is up.
pub async fn time_limit<T>(time: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    match select(pin!(work), pin!(pause(time))).await {
        Either::Left((done, _)) => Ok(done),
        Either::Right(((), _)) => Err(Elapsed),
    }
}

/// Fills `bytes` from the host's secure source.
pub fn fill_random(bytes: &mut [u8]) {
    let mut filled = 0;
    while filled < bytes.len() {
        let want = u64::try_from(bytes.len() - filled).unwrap_or(u64::MAX);
        // The interface lets a host give less than was asked for, but never nothing.
        for (place, byte) in bytes
            .iter_mut()
            .skip(filled)
            .zip(random::get_random_bytes(want))
        {
            *place = byte;
            filled += 1;
        }
    }
}

/// One line for the operator. Never a token, a key or a presigned address.
pub fn log(request_id: &str, message: &str) {
    eprintln!("request_id={request_id} {message}");
}
