//! What happens when a component sends a request.

use std::sync::Arc;

use http::uri::Scheme;
use http::{Request, Response};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::body::{ReadBody, Reader, WholeBody};
use super::worker::Shared;
use crate::wasm::Grants;
use crate::wasm::upstream::Upstream;

/// Bytes taken out of a component at once. Larger pieces cost memory under load and gain little.
const CHUNK: usize = 64 << 10;

pub(super) struct Hooks {
    grants: Arc<Grants>,
    upstream: Upstream,
    worker: Arc<Shared>,
}

impl Hooks {
    pub(super) fn new(grants: Arc<Grants>, upstream: Upstream, worker: Arc<Shared>) -> Self {
        Self {
            grants,
            upstream,
            worker,
        }
    }
}

type Transfer = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(Response<WasiBody>, Transfer), Error>;

impl WasiHttpHooks for Hooks {
    fn default_scheme(&mut self) -> Option<Scheme> {
        Some(Scheme::HTTP)
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    /// The connection is driven by the pool, so nothing is left to be driven once the head is there.
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _response_read: Transfer,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let uri = request.uri();
        if !self.grants.allowed_hosts.allows(uri) {
            tracing::warn!(
                component = %self.grants.id,
                scheme = uri.scheme_str(),
                host = uri.host(),
                port = uri.port_u16(),
                "denied: not in allowed_outbound_hosts"
            );
            return Box::new(std::future::ready(Err(Error::HttpRequestDenied)));
        }
        let worker = self.worker.clone();
        worker.moved();
        let request = request.map(|body| WholeBody::new(body, worker.clone()).boxed_unsync());
        let upstream = self.upstream.clone();
        Box::new(async move {
            let response = upstream.send(request, options).await?;
            worker.moved();
            let reader = Reader::Is(worker);
            let response = response.map(|body| ReadBody::new(body, reader).boxed_unsync());
            Ok((response, Box::new(std::future::ready(Ok(()))) as Transfer))
        })
    }
}
