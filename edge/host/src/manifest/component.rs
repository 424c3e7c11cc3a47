//! `[component.<id>]`.

use std::collections::BTreeMap;

use toml::Value;

use super::section::Section;
use super::{Component, Dependency, Problems};
use crate::outbound::AllowedHost;
use crate::template::{Template, is_variable_name};

pub(super) fn components(
    root: &mut Section,
    problems: &mut Problems,
) -> BTreeMap<String, Component> {
    let mut components = BTreeMap::new();
    for mut section in root.sections("component", problems) {
        let id = section.name().to_owned();
        let source = source(&mut section, problems);
        let component = Component {
            source: source.into(),
            variables: variables(&mut section, problems),
            allowed_outbound_hosts: allowed_outbound_hosts(&mut section, problems),
            dependencies: dependencies(&mut section, problems),
        };
        if section.boolean("dependencies_inherit_configuration", problems) == Some(true) {
            problems.add(format!(
                "{}.dependencies_inherit_configuration = true is not supported",
                section.path()
            ));
        }
        section.ignore(&["description", "build"]);
        section.finish(problems);
        components.insert(id, component);
    }
    check_references(&components, problems);
    components
}

fn source(section: &mut Section, problems: &mut Problems) -> String {
    match section.take("source") {
        Some(Value::String(path)) => return path,
        Some(Value::Table(_)) => problems.add(format!(
            "{}.source: only a path is supported, no registry and no url",
            section.path()
        )),
        Some(_) => problems.add(format!("{}.source must be a path", section.path())),
        None => problems.add(format!("{}.source is missing", section.path())),
    }
    String::new()
}

fn variables(section: &mut Section, problems: &mut Problems) -> BTreeMap<String, Template> {
    let mut variables = BTreeMap::new();
    let Some(table) = section.section("variables", problems) else {
        return variables;
    };
    let path = table.path().to_owned();
    for (name, value) in table.entries() {
        if !is_variable_name(&name) {
            problems.add(format!(
                "{path}.{name}: a variable's name has lower-case letters, digits and single underscores"
            ));
        }
        match value {
            Value::String(text) => match Template::parse(&text) {
                Ok(template) => {
                    variables.insert(name, template);
                }
                Err(error) => problems.add(format!("{path}.{name}: {error}")),
            },
            _ => problems.add(format!("{path}.{name} must be a string")),
        }
    }
    variables
}

fn allowed_outbound_hosts(section: &mut Section, problems: &mut Problems) -> Vec<Template> {
    let path = section.path().to_owned();
    let mut hosts = Vec::new();
    for text in section.strings("allowed_outbound_hosts", problems) {
        let template = match Template::parse(&text) {
            Ok(template) => template,
            Err(error) => {
                problems.add(format!("{path}.allowed_outbound_hosts: {error}"));
                continue;
            }
        };
        // What has variables in it is checked once they are known.
        let literal = template.render(|_| None);
        if let Ok(Err(error)) = literal.map(|text| AllowedHost::parse(&text)) {
            problems.add(format!("{path}.allowed_outbound_hosts: {text:?} {error}"));
        }
        hosts.push(template);
    }
    hosts
}

fn dependencies(section: &mut Section, problems: &mut Problems) -> BTreeMap<String, Dependency> {
    let mut dependencies = BTreeMap::new();
    // Names of interfaces have dots in them, so the tables are taken apart here.
    let Some(table) = section.section("dependencies", problems) else {
        return dependencies;
    };
    let path = table.path().to_owned();
    for (import, value) in table.entries() {
        let at = format!("{path}.{import:?}");
        let Value::Table(table) = value else {
            problems.add(format!(
                "{at}: only {{ path = … }} and {{ component = … }} are supported"
            ));
            continue;
        };
        let mut table = Section::new(&at, table);
        let file = table.string("path", problems);
        let component = table.string("component", problems);
        if table.boolean("inherit_configuration", problems) == Some(true) {
            problems.add(format!(
                "{at}.inherit_configuration = true is not supported"
            ));
        }
        table.finish(problems);
        match (file, component) {
            (Some(file), None) => {
                dependencies.insert(import, Dependency::Path(file.into()));
            }
            (None, Some(id)) => {
                dependencies.insert(import, Dependency::Component(id));
            }
            _ => problems.add(format!("{at} needs a path or a component")),
        }
    }
    dependencies
}

fn check_references(components: &BTreeMap<String, Component>, problems: &mut Problems) {
    for (id, component) in components {
        for (import, dependency) in &component.dependencies {
            let Dependency::Component(target) = dependency else {
                continue;
            };
            match components.get(target) {
                None => problems.add(format!(
                    "component.{id}.dependencies.{import:?}: there is no component {target:?}"
                )),
                Some(target) if !target.dependencies.is_empty() => problems.add(format!(
                    "component.{id}.dependencies.{import:?}: a dependency with dependencies of its own is not supported"
                )),
                Some(_) => {}
            }
        }
    }
}
