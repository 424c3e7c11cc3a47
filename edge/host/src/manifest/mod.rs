//! The Spin manifest, version 2: what of it this host runs.
//!
//! [`parse`] reads the text and names everything it does not support. It looks at no file and no
//! variable: `wasm::load` does.

mod component;
mod section;
mod trigger;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::routes::Route;
use crate::template::{Template, is_variable_name};
use crate::variables::Declaration;
use section::Section;

/// Everything that is wrong, in one error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<String>);

impl Problems {
    /// Notes one more.
    pub fn add(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    /// What was noted, in order.
    pub fn list(&self) -> &[String] {
        &self.0
    }

    /// `value`, unless anything was noted.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the application cannot run:")?;
        for problem in &self.0 {
            write!(f, "\n  - {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// An application as its manifest describes it.
#[derive(Debug)]
pub struct Manifest {
    /// `application.name`.
    pub name: String,
    /// By name.
    pub variables: BTreeMap<String, Declaration>,
    /// By id.
    pub components: BTreeMap<String, Component>,
    /// Routes with the ids of their components, which exist.
    pub routes: Vec<(Route, String)>,
}

/// A component as the manifest describes it.
#[derive(Debug)]
pub struct Component {
    /// Relative to the manifest's folder.
    pub source: PathBuf,
    /// Its variables, as templates over the application's.
    pub variables: BTreeMap<String, Template>,
    /// Where it may send requests, as templates over the application's variables.
    pub allowed_outbound_hosts: Vec<Template>,
    /// What it imports from other components: the import's name and where the other one is.
    pub dependencies: BTreeMap<String, Dependency>,
}

/// Where an import comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dependency {
    /// A file, relative to the manifest's folder.
    Path(PathBuf),
    /// Another component of the manifest.
    Component(String),
}

/// Reads a manifest; the error lists everything that is wrong or not supported.
pub fn parse(text: &str) -> Result<Manifest, Problems> {
    let mut problems = Problems::default();
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => {
            problems.add(format!("the manifest is not TOML: {error}"));
            return Err(problems);
        }
    };
    let mut root = Section::new("", table);
    match root.take("spin_manifest_version") {
        Some(toml::Value::Integer(2)) => {}
        _ => problems.add("spin_manifest_version must be 2"),
    }
    let name = application(&mut root, &mut problems);
    let variables = variables(&mut root, &mut problems);
    let components = component::components(&mut root, &mut problems);
    let routes = trigger::routes(&mut root, &components, &mut problems);
    root.finish(&mut problems);
    problems.or(Manifest {
        name,
        variables,
        components,
        routes,
    })
}

fn application(root: &mut Section, problems: &mut Problems) -> String {
    let Some(mut section) = root.section("application", problems) else {
        problems.add("[application] is missing");
        return String::new();
    };
    let name = section.required_string("name", problems);
    section.ignore(&["version", "description", "authors"]);
    section.finish(problems);
    name
}

fn variables(root: &mut Section, problems: &mut Problems) -> BTreeMap<String, Declaration> {
    let mut declarations = BTreeMap::new();
    for mut section in root.sections("variables", problems) {
        let name = section.name().to_owned();
        if !is_variable_name(&name) {
            problems.add(format!(
                "{}: a variable's name has lower-case letters, digits and single underscores",
                section.path()
            ));
        }
        let required = section.boolean("required", problems).unwrap_or(false);
        let secret = section.boolean("secret", problems).unwrap_or(false);
        let default = section.string("default", problems);
        section.ignore(&["description"]);
        if required == default.is_some() {
            problems.add(format!(
                "{}: either 'required = true' or a default is needed, and not both",
                section.path()
            ));
        }
        section.finish(problems);
        declarations.insert(name, Declaration { default, secret });
    }
    declarations
}

#[cfg(test)]
mod tests;
