//! Plugs what a component imports from other components of ours into it.

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId, PackageId};

/// What a dependency may import: nothing that reaches outside. Everything else it would get from the
/// component it is composed into, which the manifest does not grant.
const HARMLESS: [&str; 4] = ["wasi:io/", "wasi:cli/", "wasi:clocks/", "wasi:random/"];

/// One component out of `main` and what the names in `dependencies` stand for: a whole interface
/// (`ns:package/interface@1.0.0`) or all interfaces of a package (`ns:package@1.0.0`).
pub(super) fn compose(main: &[u8], dependencies: &[(&str, Vec<u8>)]) -> Result<Vec<u8>, String> {
    let mut graph = CompositionGraph::new();
    let socket = register(&mut graph, "main", main)?;
    let target = graph.instantiate(socket);
    for (index, (wanted, binary)) in dependencies.iter().enumerate() {
        let plug = register(&mut graph, &format!("dependency-{index}"), binary)
            .map_err(|error| format!("dependencies.{wanted:?}: {error}"))?;
        plug_in(&mut graph, (socket, target), plug, wanted)
            .map_err(|error| format!("dependencies.{wanted:?}: {error}"))?;
    }
    for name in names(&graph, socket, Side::Exports) {
        let alias = graph
            .alias_instance_export(target, &name)
            .map_err(|error| error.to_string())?;
        graph
            .export(alias, &name)
            .map_err(|error| error.to_string())?;
    }
    graph
        .encode(EncodeOptions::default())
        .map_err(|error| format!("cannot compose: {error}"))
}

fn register(graph: &mut CompositionGraph, name: &str, binary: &[u8]) -> Result<PackageId, String> {
    let package = Package::from_bytes(name, None, binary, graph.types_mut())
        .map_err(|error| format!("not a component: {error:#}"))?;
    graph
        .register_package(package)
        .map_err(|error| error.to_string())
}

fn plug_in(
    graph: &mut CompositionGraph,
    (socket, target): (PackageId, NodeId),
    plug: PackageId,
    wanted: &str,
) -> Result<(), String> {
    for import in names(graph, plug, Side::Imports) {
        if !HARMLESS.iter().any(|prefix| import.starts_with(prefix)) {
            return Err(format!("it imports {import}, which a dependency may not"));
        }
    }
    let exports = names(graph, plug, Side::Exports);
    let wanted: Vec<String> = names(graph, socket, Side::Imports)
        .into_iter()
        .filter(|import| covers(wanted, import))
        .collect();
    if wanted.is_empty() {
        return Err("the component does not import it".to_owned());
    }
    let instance = graph.instantiate(plug);
    for import in wanted {
        if !exports.contains(&import) {
            return Err(format!("it does not export {import}"));
        }
        let export = graph
            .alias_instance_export(instance, &import)
            .map_err(|error| error.to_string())?;
        graph
            .set_instantiation_argument(target, &import, export)
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Side {
    Imports,
    Exports,
}

fn names(graph: &CompositionGraph, package: PackageId, side: Side) -> Vec<String> {
    let world = &graph.types()[graph[package].ty()];
    let items = match side {
        Side::Imports => &world.imports,
        Side::Exports => &world.exports,
    };
    items.keys().cloned().collect()
}

/// Whether a name of the manifest stands for an import.
fn covers(wanted: &str, import: &str) -> bool {
    if wanted.contains('/') {
        return wanted == import;
    }
    let Some((package, interface)) = import.split_once('/') else {
        return false;
    };
    let version = interface.split_once('@').map(|(_, version)| version);
    match wanted.split_once('@') {
        Some((name, wanted)) => name == package && Some(wanted) == version,
        None => wanted == package,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_interfaces_or_packages() {
        let import = "sluicegate:edge/inspector@0.1.0";
        for wanted in [import, "sluicegate:edge", "sluicegate:edge@0.1.0"] {
            assert!(covers(wanted, import), "{wanted}");
        }
        for wanted in [
            "sluicegate:edge/inspector",
            "sluicegate:edge/other@0.1.0",
            "sluicegate:edge@0.2.0",
            "sluicegate:edg",
        ] {
            assert!(!covers(wanted, import), "{wanted}");
        }
    }

    #[test]
    fn what_is_no_component_is_refused() {
        let error = compose(b"no", &[]).unwrap_err();
        assert!(error.contains("not a component"), "{error}");
    }
}
