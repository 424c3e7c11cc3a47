//! What no component should do.

use std::hint::black_box;

use spin_sdk::wasip3::clocks::monotonic_clock;
use spin_sdk::wasip3::http::types::{ErrorCode, Response};

type Answer = Result<Response, ErrorCode>;

/// Never gives way.
pub(crate) fn compute() -> Answer {
    let mut x = 1_u64;
    while black_box(x) != 0 {
        x = x.wrapping_mul(3) | 1;
    }
    Ok(crate::stream::text(200, x.to_string()))
}

/// Takes memory until there is none.
pub(crate) fn allocate() -> Answer {
    let mut all = Vec::new();
    while all.len() < usize::MAX {
        all.push(black_box(vec![1_u8; 1 << 20]));
    }
    Ok(crate::stream::text(200, all.len().to_string()))
}

pub(crate) fn trap() -> Answer {
    std::process::abort()
}

/// Waits, in an orderly way, for longer than any test takes.
pub(crate) async fn wait() -> Answer {
    monotonic_clock::wait_for(3_600_000_000_000).await;
    Ok(crate::stream::text(200, "waited".to_owned()))
}

/// Traps in the middle of a response without a length.
pub(crate) fn half() -> Response {
    crate::stream::begin_and(|| std::process::abort())
}
