//! What no component should do.

use std::hint::black_box;

use spin_sdk::wasip3::clocks::monotonic_clock;
use spin_sdk::wasip3::http::types::Response;

/// Never gives way.
pub(crate) fn compute() -> Response {
    let mut x = 1_u64;
    while black_box(x) != 0 {
        x = x.wrapping_mul(3) | 1;
    }
    crate::stream::text(200, x.to_string())
}

/// Takes memory until there is none.
pub(crate) fn allocate() -> Response {
    let mut all = Vec::new();
    while all.len() < usize::MAX {
        all.push(black_box(vec![1_u8; 1 << 20]));
    }
    crate::stream::text(200, all.len().to_string())
}

/// Says so and traps.
pub(crate) fn trap() -> Response {
    eprintln!("it traps on purpose");
    std::process::abort()
}

/// Waits, in an orderly way, for longer than any test takes.
pub(crate) async fn wait() -> Response {
    monotonic_clock::wait_for(3_600_000_000_000).await;
    crate::stream::text(200, "waited".to_owned())
}

/// Computes without end in the middle of a response without a length.
pub(crate) fn half_and_compute() -> Response {
    crate::stream::begin_and(|| {
        compute();
    })
}

/// Traps in the middle of a response without a length.
pub(crate) fn half() -> Response {
    crate::stream::begin_and(|| std::process::abort())
}
