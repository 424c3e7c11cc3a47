//! From a manifest to components that can be called: files, variables, composition, compilation, linking.

mod compose;
mod engine;
pub(crate) mod p3;
mod upstream;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::config::Config;
use crate::manifest::{self, Component, Dependency, Manifest, Problems};
use crate::metrics::Metrics;
use crate::outbound::{AllowedHost, AllowedHosts};
use crate::routes::Router;
use crate::traces::Tracer;
use crate::variables::Variables;
use crate::{Error, Limits};
use engine::Engine;
use upstream::Upstream;

/// A ready application.
pub(crate) struct Loaded {
    pub(crate) name: String,
    pub(crate) router: Router<Routed>,
}

impl Loaded {
    /// The host ends: instances that go with it are no failures.
    pub(crate) fn close(&self) {
        self.router
            .targets()
            .for_each(|routed| routed.handler.close());
    }
}

/// A route of the manifest, and who answers it.
pub(crate) struct Routed {
    /// As the manifest has it.
    pub(crate) route: String,
    pub(crate) handler: Arc<p3::Handler>,
}

/// What the host grants a component.
pub(crate) struct Grants {
    pub(crate) id: String,
    pub(crate) variables: Variables,
    pub(crate) allowed_hosts: AllowedHosts,
    /// Requests that an instance serves at once.
    pub(crate) concurrency: usize,
    /// Set when the host ends: what happens to instances then is no failure.
    pub(crate) closing: AtomicBool,
}

/// Reads, resolves, composes, compiles and links. Blocks; call it off the async threads, within a runtime.
pub(crate) fn load(config: &Config, metrics: &Metrics, tracer: Tracer) -> Result<Loaded, Error> {
    let manifest = manifest::parse(&read_manifest(&config.app)?)?;
    let folder = config.app.parent().unwrap_or(Path::new(""));
    let grants = grant_all(&manifest, config)?;
    let binaries = read_all(&manifest, folder)?;
    let engine = Engine::start(&config.limits, config.cache_dir.as_deref())?;
    let upstream = Upstream::new(&config.limits, tracer);
    let handlers = build(
        grants,
        &binaries,
        &engine,
        &upstream,
        metrics,
        &config.limits,
    )?;
    let router = route(&manifest, &handlers);
    Ok(Loaded {
        name: manifest.name,
        router,
    })
}

fn read_manifest(path: &Path) -> Result<String, Problems> {
    std::fs::read_to_string(path).map_err(|error| {
        let mut problems = Problems::default();
        problems.add(format!("cannot read {}: {error}", path.display()));
        problems
    })
}

/// What every routed component gets; names every variable and host that does not work out.
fn grant_all(manifest: &Manifest, config: &Config) -> Result<BTreeMap<String, Grants>, Problems> {
    let mut problems = Problems::default();
    let values = match Variables::resolve(&manifest.variables, &config.environment) {
        Ok(values) => values,
        Err(errors) => {
            for error in errors {
                problems.add(error);
            }
            return Err(problems);
        }
    };
    let limits = &config.limits;
    let uploads = component_of(manifest, &limits.upload_path);
    let mut all = BTreeMap::new();
    for (id, component) in &manifest.components {
        let variables = values.grant(&component.variables).unwrap_or_else(|names| {
            for name in names {
                problems.add(format!(
                    "component.{id}.variables: there is no variable {name:?}"
                ));
            }
            Variables::default()
        });
        let grants = Grants {
            id: id.clone(),
            variables,
            allowed_hosts: allowed_hosts(id, component, &values, &mut problems),
            concurrency: match &uploads {
                Some(uploads) if **uploads == *id => limits.upload_concurrency,
                _ => limits.instance_concurrency,
            },
            closing: AtomicBool::new(false),
        };
        all.insert(id.clone(), grants);
    }
    problems.or(all)
}

/// Which component answers a path.
fn component_of(manifest: &Manifest, path: &str) -> Option<Arc<String>> {
    let named = manifest.routes.iter();
    let targets = named.map(|(route, id)| (route.clone(), Arc::new(id.clone())));
    Router::new(targets).find(path).cloned()
}

fn allowed_hosts(
    id: &str,
    component: &Component,
    values: &Variables,
    problems: &mut Problems,
) -> AllowedHosts {
    let mut hosts = Vec::new();
    for template in &component.allowed_outbound_hosts {
        let at = format!(
            "component.{id}.allowed_outbound_hosts: {:?}",
            template.source()
        );
        match values.render(template) {
            Ok(text) => match AllowedHost::parse(&text) {
                Ok(host) => hosts.push(host),
                Err(error) => problems.add(format!("{at} {error}")),
            },
            Err(name) => problems.add(format!("{at}: there is no variable {name:?}")),
        }
    }
    AllowedHosts::new(hosts)
}

/// The binary of every routed component, composed with its dependencies.
fn read_all(manifest: &Manifest, folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Problems> {
    let mut problems = Problems::default();
    let mut binaries = BTreeMap::new();
    let mut routed: Vec<_> = manifest.routes.iter().map(|(_, id)| id).collect();
    routed.sort();
    routed.dedup();
    for id in routed {
        let Some(component) = manifest.components.get(id) else {
            continue;
        };
        match read_one(manifest, component, folder) {
            Ok(binary) => {
                binaries.insert(id.clone(), binary);
            }
            Err(error) => problems.add(format!("component.{id}: {error}")),
        }
    }
    problems.or(binaries)
}

fn read_one(manifest: &Manifest, component: &Component, folder: &Path) -> Result<Vec<u8>, String> {
    let binary = read(&folder.join(&component.source))?;
    let mut dependencies = Vec::new();
    for (import, dependency) in &component.dependencies {
        let path = match dependency {
            Dependency::Path(path) => path,
            Dependency::Component(id) => match manifest.components.get(id) {
                Some(component) => &component.source,
                None => return Err(format!("there is no component {id:?}")),
            },
        };
        dependencies.push((import.as_str(), read(&folder.join(path))?));
    }
    if dependencies.is_empty() {
        return Ok(binary);
    }
    compose::compose(&binary, &dependencies)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn build(
    mut grants: BTreeMap<String, Grants>,
    binaries: &BTreeMap<String, Vec<u8>>,
    engine: &Engine,
    upstream: &Upstream,
    metrics: &Metrics,
    limits: &Limits,
) -> Result<BTreeMap<String, Arc<p3::Handler>>, Error> {
    let mut problems = Problems::default();
    let linker = p3::linker(engine.get()).map_err(|error| Error::Engine(format!("{error:#}")))?;
    let mut handlers = BTreeMap::new();
    for (id, binary) in binaries {
        let Some(grants) = grants.remove(id) else {
            continue;
        };
        let (upstream, metrics) = (upstream.clone(), metrics.clone());
        match p3::Handler::new(&linker, binary, grants, upstream, metrics, limits) {
            Ok(handler) => {
                handlers.insert(id.clone(), Arc::new(handler));
            }
            Err(error) => problems.add(format!("component.{id}: {error:#}")),
        }
    }
    Ok(problems.or(handlers)?)
}

fn route(manifest: &Manifest, handlers: &BTreeMap<String, Arc<p3::Handler>>) -> Router<Routed> {
    Router::new(manifest.routes.iter().filter_map(|(route, id)| {
        let routed = Routed {
            route: route.to_string(),
            handler: handlers.get(id)?.clone(),
        };
        Some((route.clone(), Arc::new(routed)))
    }))
}
