//! The component `uploads`: `POST /v1/uploads`, and nothing else.
//!
//! Whoever may not, and whatever is no picture, is turned away before anybody else is asked. Then the
//! origin gives a ticket, the body streams to the store in pieces, and the origin completes the upload.
//! What is decided is decided in `sluicegate-policy`. Start at [`upload::take`].

mod inspect;
mod origin;
mod payload;
mod progress;
mod pump;
mod store;
mod upload;

use sluicegate_guest::wasi::{export, handler};
use sluicegate_guest::{ErrorCode, WasiRequest, WasiResponse, serve};

struct Uploads;

export!(Uploads);

impl handler for Uploads {
    async fn handle(request: WasiRequest) -> Result<WasiResponse, ErrorCode> {
        serve(request, upload::take).await
    }
}
