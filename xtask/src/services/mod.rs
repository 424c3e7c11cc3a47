//! Real servers that tests run on where they can be had, and programs that read what deploys ours: got once, kept
//! below the target folder, and named to the tests by a variable each. A test whose server is missing says so by its
//! name, and counts as skipped.
//!
//! A further one is an entry of [`list::SERVICES`] and a file that gets it. The Postgres that all tests run on and a
//! browser are not here: without the former nothing runs, and the latter is a matter of one test.

mod aws;
mod compose;
mod faketime;
mod go;
mod haproxy;
mod kubeconform;
mod kustomize;
mod list;
mod minio;
mod node;
mod pgbouncer;
mod podman;
mod postgres;
mod promtool;
mod redis;
mod report;
mod schemas;
mod system;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::cargo::target;
use crate::process::Stop;
use crate::ui::{note, step};

use list::SERVICES;
pub(crate) use report::Report;

/// A server, and how it is had.
struct Service {
    /// As people call it.
    name: &'static str,
    /// Names its program (or its folder) to the tests; who has set it already is believed.
    variable: &'static str,
    /// How long it takes to get, once.
    takes: &'static str,
    /// Gets it into a folder of its own, and answers what the variable is to name. What is there already is used.
    get: fn(&Stop, &Path) -> Result<PathBuf>,
}

/// What was had, and what was not.
pub(crate) struct Services {
    have: Vec<(&'static str, PathBuf)>,
    missing: Vec<String>,
}

impl Services {
    /// Gets them all. What cannot be had is told here and by [`Services::missing`].
    pub(crate) fn prepare(stop: &Stop) -> Result<Self> {
        Self::get(stop, "tests", |_| true)
    }

    /// Gets these, for figures and faults.
    pub(crate) fn prepare_only(stop: &Stop, what: &str, names: &[&str]) -> Result<Self> {
        Self::get(stop, what, |service| names.contains(&service.name))
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
                    note(&format!(
                        "{what} that need {name} will be skipped: {error:#}"
                    ));
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
    /// Where it keeps what it got.
    fn folder(&self) -> PathBuf {
        target().join("services").join(self.name.to_lowercase())
    }

    fn find(&self, stop: &Stop) -> Result<PathBuf> {
        if let Some(given) = std::env::var_os(self.variable).map(PathBuf::from) {
            let place = given.display();
            ensure!(given.exists(), "{}: there is no {place}", self.variable);
            return Ok(given);
        }
        let folder = self.folder();
        let what = format!("Looking for {} ({}, once)", self.name, self.takes);
        step(&what, || (self.get)(stop, &folder))
    }
}
