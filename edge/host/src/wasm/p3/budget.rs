//! A component may wait for as long as its request may take, but not compute for as long.
//!
//! The engine's clock interrupts whatever computes at each tick; what waits is not interrupted. So the ticks that a
//! component was met computing are what it used of a processor. They count until something moves (a request, a
//! response, a piece of a body), as whoever makes progress is not stuck; a component that only computes is ended.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::UpdateDeadline;

use super::worker::Shared;
use crate::wasm::engine::TICK;

pub(super) struct Budget {
    shared: Arc<Shared>,
    limit: u128,
    used: u128,
    /// What had moved at the last tick.
    seen: u64,
}

impl Budget {
    pub(super) fn new(shared: Arc<Shared>, limit: Duration) -> Self {
        Self {
            shared,
            limit: limit.as_millis() / TICK.as_millis(),
            used: 0,
            seen: 0,
        }
    }

    /// Called where the component is interrupted.
    pub(super) fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        let moved = self.shared.moves();
        if moved != self.seen {
            self.seen = moved;
            self.used = 0;
        }
        self.used += 1;
        if self.used > self.limit {
            self.shared.overran();
            return Err(wasmtime::Error::msg("it computed for too long"));
        }
        Ok(UpdateDeadline::Yield(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_moves_gives_more() {
        let shared = Arc::new(Shared::new());
        let mut budget = Budget::new(shared.clone(), TICK * 3);
        for _ in 0..10 {
            for _ in 0..3 {
                assert!(budget.tick().is_ok());
            }
            shared.moved();
        }
        for _ in 0..3 {
            assert!(budget.tick().is_ok());
        }
        assert!(!shared.has_overrun());
        assert!(budget.tick().is_err());
        assert!(shared.has_overrun());
    }
}
