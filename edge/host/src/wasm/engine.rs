//! The engine: what compiles and bounds components, and the clock that interrupts them.

use std::path::Path;
use std::time::Duration;

use wasmtime::{Cache, CacheConfig, Config, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::{Error, Limits};

/// How often a component that computes gives way to others.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// The compiler and its pool of memories. A thread ticks as long as it lives.
pub(crate) struct Engine(wasmtime::Engine);

impl Engine {
    /// An engine for components within `limits`. A cache that cannot be used, and a pool that this
    /// machine does not allow, cost speed and are only warned of.
    pub(crate) fn start(limits: &Limits, cache_dir: Option<&Path>) -> Result<Self, Error> {
        let cache = cache_dir.and_then(open_cache);
        let pooled = wasmtime::Engine::new(&config(cache.clone(), Some(pool(limits))));
        let engine = match pooled {
            Ok(engine) => engine,
            Err(error) => {
                tracing::warn!("memories are not pooled: {error:#}");
                wasmtime::Engine::new(&config(cache, None))
                    .map_err(|error| Error::Engine(format!("{error:#}")))?
            }
        };
        tick(&engine).map_err(|error| Error::Engine(error.to_string()))?;
        Ok(Self(engine))
    }

    pub(crate) fn get(&self) -> &wasmtime::Engine {
        &self.0
    }
}

fn config(cache: Option<Cache>, pool: Option<PoolingAllocationConfig>) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        .cache(cache);
    if let Some(pool) = pool {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

/// Room for one instance a request, which is the worst case; of composed components, several
/// memories and tables each. Room that is not used costs addresses, not memory.
fn pool(limits: &Limits) -> PoolingAllocationConfig {
    let instances = u32::try_from(limits.requests)
        .unwrap_or(u32::MAX)
        .saturating_add(32)
        .min(4096);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(8))
        .total_memories(instances.saturating_mul(2))
        .total_tables(instances.saturating_mul(8))
        .total_stacks(instances.saturating_mul(4))
        .max_memory_size(limits.instance_memory)
        .max_unused_warm_slots(64);
    pool
}

fn open_cache(directory: &Path) -> Option<Cache> {
    let open = || -> Result<Cache, String> {
        std::fs::create_dir_all(directory).map_err(|error| error.to_string())?;
        let directory = directory
            .canonicalize()
            .map_err(|error| error.to_string())?;
        let mut config = CacheConfig::new();
        config.with_directory(directory);
        Cache::new(config).map_err(|error| format!("{error:#}"))
    };
    open()
        .inspect_err(|error| {
            tracing::warn!(
                "compiled components are not kept in {}: {error}",
                directory.display()
            );
        })
        .ok()
}

/// A thread, not a task: components that compute may hold every async thread.
fn tick(engine: &wasmtime::Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new()
        .name("epoch".to_owned())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })
        .map(drop)
}
