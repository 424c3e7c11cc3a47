//! An edge as a program of its own.

use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

use crate::platform::{ANY_PORT, EDGE_KEY, Options, START_LIMIT, data_directory};
use crate::process::{Program, program};

/// Where an edge stands.
pub struct EdgePlace<'a> {
    /// The origin behind it.
    pub origin_url: &'a str,
    /// The store behind it.
    pub store_url: &'a str,
    /// Address and port.
    pub listen: &'a str,
}

/// Starts an edge alone.
pub async fn start_edge(
    data: &Path,
    options: &Options,
    place: &EdgePlace<'_>,
) -> Result<(Program, String)> {
    let mut environment = vec![
        (
            "SLUICEGATE_DATA".to_owned(),
            data.to_string_lossy().into_owned(),
        ),
        (
            "SPIN_VARIABLE_ORIGIN_URL".to_owned(),
            place.origin_url.to_owned(),
        ),
        (
            "SPIN_VARIABLE_STORE_URL".to_owned(),
            place.store_url.to_owned(),
        ),
        ("SPIN_VARIABLE_EDGE_KEY".to_owned(), EDGE_KEY.to_owned()),
    ];
    environment.extend(options.edge_environment.iter().cloned());
    for (name, value) in &options.edge_variables {
        environment.push((
            format!("SPIN_VARIABLE_{}", name.to_uppercase()),
            value.clone(),
        ));
    }
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spin.toml");
    // Compiled components are kept beside the programs, so that only the first start compiles them.
    let edge = program("sluicegate-edge")?;
    let cache = edge.with_file_name("edge-cache");
    let (app, cache) = (app.to_string_lossy(), cache.to_string_lossy());
    let mut arguments = vec!["--app", &app, "--listen", place.listen];
    arguments.extend(["--metrics-listen", ANY_PORT]);
    arguments.extend(["--check-path", "/healthz", "--cache-dir", &cache]);
    if let Some((filter, format)) = options.log {
        environment.push(("RUST_LOG".to_owned(), filter.to_owned()));
        arguments.extend(["--log-format", format]);
    }
    arguments.extend(options.edge_arguments.iter().map(String::as_str));
    let mut edge = Program::start_as(options.user, &edge, &arguments, &environment)?;
    let url = edge.wait_for_line("listening on ", START_LIMIT).await?;
    Ok((edge, url))
}

/// Starts an edge on its own, in front of whatever stands in for origin and store. The directory is its data.
pub async fn start_edge_alone(
    origin_url: &str,
    store_url: &str,
) -> Result<(Program, String, TempDir)> {
    let data = data_directory()?;
    let place = EdgePlace {
        origin_url,
        store_url,
        listen: ANY_PORT,
    };
    let (edge, url) = start_edge(data.path(), &Options::default(), &place).await?;
    Ok((edge, url, data))
}
