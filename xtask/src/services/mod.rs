//! Real servers that tests run on where they can be had: got once, kept below the target folder, and named to the
//! tests by a variable each. A test whose server is missing says so by its name, and counts as skipped.
//!
//! A further one is a line in [`SERVICES`] and a file that gets it. Postgres and a browser are not here: without the
//! former nothing runs, and the latter is a matter of one test.

mod aws;
mod minio;
mod node;
mod pgbouncer;
mod redis;
mod report;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::cargo::target;
use crate::process::Stop;
use crate::ui::{note, step};

pub(crate) use report::Report;

/// A server, and how it is had.
struct Service {
    /// As people call it.
    name: &'static str,
    /// Names its program (or its folder) to the tests; who has set it already is believed.
    variable: &'static str,
    /// How long it takes to get, once.
    takes: &'static str,
    /// Part of every `cargo xtask test`; the others come with `--services` alone.
    quick: bool,
    /// Gets it into a folder of its own, and answers what the variable is to name. What is there already is used.
    get: fn(&Stop, &Path) -> Result<PathBuf>,
}

const SERVICES: [Service; 5] = [
    Service {
        name: "PgBouncer",
        variable: "SLUICEGATE_PGBOUNCER",
        takes: "a minute",
        quick: true,
        get: pgbouncer::get,
    },
    Service {
        name: "MinIO",
        variable: "SLUICEGATE_MINIO",
        takes: "five minutes",
        quick: false,
        get: minio::get,
    },
    // No server, but what a drill on servers needs.
    Service {
        name: "AWS-CLI",
        variable: "SLUICEGATE_AWS",
        takes: "half a minute",
        quick: true,
        get: aws::get,
    },
    Service {
        name: "Redis",
        variable: "SLUICEGATE_REDIS_SERVER",
        takes: "ten seconds",
        quick: true,
        get: redis::get,
    },
    Service {
        name: "Node",
        variable: "SLUICEGATE_NODE",
        takes: "a moment",
        quick: true,
        get: node::get,
    },
];

/// What was had, and what was not.
pub(crate) struct Services {
    have: Vec<(&'static str, PathBuf)>,
    missing: Vec<String>,
}

impl Services {
    /// Gets what is quick, or with `all` everything. What cannot be had is told here and by [`Services::missing`].
    pub(crate) fn prepare(stop: &Stop, all: bool) -> Result<Self> {
        Self::get(stop, "the tests", |service| service.quick || all)
    }

    /// Gets these, for figures.
    pub(crate) fn prepare_only(stop: &Stop, names: &[&str]) -> Result<Self> {
        Self::get(stop, "figures", |service| names.contains(&service.name))
    }

    /// For what needs none.
    pub(crate) fn none() -> Self {
        Self {
            have: Vec::new(),
            missing: Vec::new(),
        }
    }

    fn get(stop: &Stop, what: &str, wanted: impl Fn(&Service) -> bool) -> Result<Self> {
        let mut services = Self::none();
        for service in SERVICES.iter().filter(|&service| wanted(service)) {
            match service.find(stop) {
                Ok(path) => services.have.push((service.variable, path)),
                Err(error) => {
                    stop.check()?;
                    let name = service.name;
                    note(&format!("{what} on {name} will be skipped: {error:#}"));
                    services.missing.push(format!("{name}: {error:#}"));
                }
            }
        }
        Ok(services)
    }

    /// Names them to a program.
    pub(crate) fn name_to(&self, command: &mut Command) {
        command.envs(self.have.iter().map(|(name, path)| (name, path)));
    }

    /// What could not be had, and why.
    pub(crate) fn missing(&self) -> &[String] {
        &self.missing
    }
}

impl Service {
    fn find(&self, stop: &Stop) -> Result<PathBuf> {
        if let Some(given) = std::env::var_os(self.variable).map(PathBuf::from) {
            let place = given.display();
            ensure!(given.exists(), "{}: there is no {place}", self.variable);
            return Ok(given);
        }
        let folder = target().join("services").join(self.name.to_lowercase());
        let what = format!("Looking for {} ({}, once)", self.name, self.takes);
        step(&what, || (self.get)(stop, &folder))
    }
}
