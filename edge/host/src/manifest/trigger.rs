//! `[[trigger.http]]`.

use std::collections::BTreeMap;

use toml::Value;

use super::section::{Section, wrong};
use super::{Component, Problems};
use crate::routes::Route;

pub(super) fn routes(
    root: &mut Section,
    components: &BTreeMap<String, Component>,
    problems: &mut Problems,
) -> Vec<(Route, String)> {
    let Some(mut trigger) = root.section("trigger", problems) else {
        problems.add("[[trigger.http]] is missing");
        return Vec::new();
    };
    let mut routes: Vec<(Route, String)> = Vec::new();
    for mut section in http(&mut trigger, problems) {
        let route = route(&mut section, problems);
        let id = component(&mut section, components, problems);
        section.ignore(&["id"]);
        let path = section.path().to_owned();
        section.finish(problems);
        let (Some(route), Some(id)) = (route, id) else {
            continue;
        };
        if routes.iter().any(|(other, _)| *other == route) {
            problems.add(format!("{path}.route is given twice"));
        } else {
            routes.push((route, id));
        }
    }
    trigger.finish(problems);
    routes
}

fn http(trigger: &mut Section, problems: &mut Problems) -> Vec<Section> {
    match trigger.take("http") {
        Some(Value::Array(items)) if !items.is_empty() => items
            .into_iter()
            .enumerate()
            .filter_map(|(index, item)| {
                let path = format!("trigger.http[{index}]");
                match item {
                    Value::Table(table) => Some(Section::new(&path, table)),
                    _ => wrong(&path, "a table", problems),
                }
            })
            .collect(),
        Some(_) => {
            problems.add("trigger.http must be a list of tables: [[trigger.http]]");
            Vec::new()
        }
        None => {
            problems.add("[[trigger.http]] is missing");
            Vec::new()
        }
    }
}

fn route(section: &mut Section, problems: &mut Problems) -> Option<Route> {
    let at = format!("{}.route", section.path());
    match section.take("route") {
        Some(Value::String(text)) => match Route::parse(&text) {
            Ok(route) => return Some(route),
            Err(error) => problems.add(format!("{at}: {error}")),
        },
        Some(Value::Table(_)) => problems.add(format!("{at}: private routes are not supported")),
        Some(_) => problems.add(format!("{at} must be a string")),
        None => problems.add(format!("{at} is missing")),
    }
    None
}

fn component(
    section: &mut Section,
    components: &BTreeMap<String, Component>,
    problems: &mut Problems,
) -> Option<String> {
    let at = format!("{}.component", section.path());
    match section.take("component") {
        Some(Value::String(id)) if components.contains_key(&id) => return Some(id),
        Some(Value::String(id)) => problems.add(format!("{at}: there is no component {id:?}")),
        Some(_) => problems.add(format!("{at} must be the id of a component")),
        None => problems.add(format!("{at} is missing")),
    }
    None
}
