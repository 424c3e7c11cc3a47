//! WASI 0.3 and Spin's variables, turned into plain values; the one module that names their types.

mod clock;
mod request;
mod send;
mod stream;
mod variables;

pub use spin_sdk::wasip3::exports::http::handler::Guest as handler;
pub use spin_sdk::wasip3::http::service::export;
pub use spin_sdk::wasip3::http::types::{
    ErrorCode, Request as WasiRequest, Response as WasiResponse,
};
pub use spin_sdk::wasip3::spawn;

pub use clock::{Elapsed, fill_random, log, pause, seconds, time_limit};
pub use request::{incoming, response};
pub use send::{Limits, Outgoing, OutgoingBody, Reply, send};
pub use stream::{Sink, SinkClosed, Source, pipe};
pub(crate) use variables::variables;
