//! Components that handle HTTP, on the WASI 0.3 part of wasmtime.
//!
//! That part calls itself experimental: it is pinned exactly, and no module but this one touches it.
//! [`Handler`] is what the rest of the host sees.

mod body;
mod budget;
mod hooks;
mod output;
mod variables;
mod worker;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::time::Instant;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, PoolConcurrencyLimitError, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::handler::{
    ExpirationError, HandlerState, Instance, InstantiationError, ProxyHandler, ProxyPre,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::Grants;
use super::upstream::Upstream;
use crate::Limits;
use crate::metrics::Metrics;
use body::{ReadBody, Reader, WholeBody};
use budget::Budget;
use hooks::Hooks;
use worker::{Expiration, Shared, Worker};

pub(crate) use worker::{Held, Lease};

/// Handles an instance may hold at once (bodies, headers, streams).
const MAX_HANDLES: usize = 1 << 16;
/// What the host allows itself beyond a request's deadline to end it in an orderly way.
const GRACE: std::time::Duration = std::time::Duration::from_secs(2);

/// Why a component gave no response.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Its time was over, or it computed for too long.
    TimedOut,
    /// There is no room for another instance.
    NoRoom,
    /// It trapped, ran out of memory, or answered with an error.
    Failed(String),
}

/// Everything that components may import.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    variables::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// A component that is compiled and linked, with the instances that run it.
pub(crate) struct Handler {
    grants: Arc<Grants>,
    proxy: ProxyHandler<Factory>,
}

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handler")
            .field("id", &self.grants.id)
            .finish_non_exhaustive()
    }
}

impl Handler {
    pub(super) fn new(
        linker: &Linker<Guest>,
        binary: &[u8],
        grants: Grants,
        upstream: Upstream,
        metrics: Metrics,
        limits: &Limits,
    ) -> wasmtime::Result<Self> {
        let engine = linker.engine().clone();
        let component = Component::from_binary(&engine, binary)?;
        let service = ServicePre::new(linker.instantiate_pre(&component)?)?;
        let factory = Factory {
            engine,
            service,
            grants: Arc::new(grants),
            upstream,
            metrics,
            limits: limits.clone(),
        };
        Ok(Self {
            grants: factory.grants.clone(),
            proxy: ProxyHandler::new(factory),
        })
    }

    pub(crate) fn id(&self) -> &str {
        &self.grants.id
    }

    /// The host ends: instances that go with it are no failures.
    pub(crate) fn close(&self) {
        self.grants.closing.store(true, Ordering::Release);
    }

    /// Runs a request, whose URI has scheme and authority. The body of the response ends cleanly only
    /// if the component ended it.
    pub(crate) async fn handle(
        &self,
        lease: Arc<Lease>,
        request: Request<WasiBody>,
    ) -> Result<Response<WasiBody>, Failure> {
        let deadline = lease.deadline();
        let reader = Reader::Of(lease.clone());
        let request = request.map(|body| ReadBody::new(body, reader).boxed_unsync());
        let handled = self.proxy.handle(lease.clone(), request);
        match tokio::time::timeout_at(deadline + GRACE, handled).await {
            Err(_) => Err(Failure::TimedOut),
            Ok(Err(error)) => Err(self.failure(&error, &lease)),
            Ok(Ok(response)) => Ok(response.map(|body| match lease.worker() {
                Some(worker) => WholeBody::new(body, worker).boxed_unsync(),
                None => body,
            })),
        }
    }

    fn failure(&self, error: &wasmtime::Error, lease: &Lease) -> Failure {
        let overrun = lease.worker().is_some_and(|worker| worker.has_overrun());
        if overrun || error.is::<ExpirationError>() || Instant::now() >= lease.deadline() {
            return Failure::TimedOut;
        }
        if let Some(error) = error.downcast_ref::<InstantiationError<Arc<Lease>>>() {
            tracing::warn!(component = %self.grants.id, "no instance: {:#}", error.error);
            if error.error.is::<PoolConcurrencyLimitError>() {
                return Failure::NoRoom;
            }
        }
        Failure::Failed(format!("{error:#}"))
    }
}

/// Makes instances.
struct Factory {
    engine: Engine,
    service: ServicePre<Guest>,
    grants: Arc<Grants>,
    upstream: Upstream,
    metrics: Metrics,
    limits: Limits,
}

impl HandlerState for Factory {
    type StoreData = Guest;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Expiration, Worker>> {
        let shared = Arc::new(Shared::new());
        let guest = Guest::new(&self.grants, &self.upstream, &shared, &self.limits);
        let mut store = Store::new(&self.engine, guest);
        store.limiter(|guest| &mut guest.limits);
        store.set_epoch_deadline(1);
        let mut budget = Budget::new(shared.clone(), self.limits.compute_timeout);
        store.epoch_deadline_callback(move |_| budget.tick());
        let pre = ProxyPre::P3(self.service.clone());
        let proxy = tokio::time::timeout(
            self.limits.request_timeout,
            pre.instantiate_async(&mut store),
        )
        .await??;
        Ok(Instance {
            store,
            proxy,
            view: Guest::http,
            expiration: Expiration::new(shared.clone(), &self.limits),
            state: Worker::new(
                self.grants.clone(),
                shared,
                self.metrics.clone(),
                &self.limits,
            ),
        })
    }
}

/// What belongs to one instance.
pub(super) struct Guest {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    limits: StoreLimits,
    grants: Arc<Grants>,
}

impl Guest {
    fn new(
        grants: &Arc<Grants>,
        upstream: &Upstream,
        worker: &Arc<Shared>,
        limits: &Limits,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        // No files, no network, no arguments, no environment: what a component may reach is HTTP.
        let wasi = WasiCtx::builder()
            .stdout(output::Lines::of_output(&grants.id))
            .stderr(output::Lines::of_error(&grants.id))
            .build();
        Self {
            table,
            wasi,
            http: WasiHttpCtx::new(),
            hooks: Hooks::new(grants.clone(), upstream.clone(), worker.clone()),
            limits: StoreLimitsBuilder::new()
                .memory_size(limits.instance_memory)
                .build(),
            grants: grants.clone(),
        }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}
