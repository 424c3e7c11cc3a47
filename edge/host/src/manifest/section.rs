//! A table of the manifest, read key by key; what is left at the end is not supported.

use toml::{Table, Value};

use super::Problems;

pub(super) struct Section {
    path: String,
    table: Table,
}

impl Section {
    pub(super) fn new(path: &str, table: Table) -> Self {
        Self {
            path: path.to_owned(),
            table,
        }
    }

    /// Where it stands in the manifest: `component.uploads`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The last part of the path.
    pub(super) fn name(&self) -> &str {
        self.path
            .rsplit_once('.')
            .map_or(&self.path, |(_, name)| name)
    }

    fn key(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.table.remove(key)
    }

    pub(super) fn entries(self) -> impl Iterator<Item = (String, Value)> {
        self.table.into_iter()
    }

    pub(super) fn string(&mut self, key: &str, problems: &mut Problems) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            _ => wrong(&self.key(key), "a string", problems),
        }
    }

    pub(super) fn required_string(&mut self, key: &str, problems: &mut Problems) -> String {
        if !self.table.contains_key(key) {
            problems.add(format!("{} is missing", self.key(key)));
        }
        self.string(key, problems).unwrap_or_default()
    }

    pub(super) fn boolean(&mut self, key: &str, problems: &mut Problems) -> Option<bool> {
        match self.take(key)? {
            Value::Boolean(value) => Some(value),
            _ => wrong(&self.key(key), "true or false", problems),
        }
    }

    pub(super) fn strings(&mut self, key: &str, problems: &mut Problems) -> Vec<String> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let list = match value {
            Value::Array(items) => items
                .into_iter()
                .map(|item| match item {
                    Value::String(text) => Some(text),
                    _ => None,
                })
                .collect::<Option<Vec<_>>>(),
            _ => None,
        };
        list.unwrap_or_else(|| {
            problems.add(format!("{} must be a list of strings", self.key(key)));
            Vec::new()
        })
    }

    pub(super) fn section(&mut self, key: &str, problems: &mut Problems) -> Option<Self> {
        let path = self.key(key);
        match self.take(key)? {
            Value::Table(table) => Some(Self { path, table }),
            _ => wrong(&path, "a table", problems),
        }
    }

    /// The tables in a table: `[component.a]`, `[component.b]`.
    pub(super) fn sections(&mut self, key: &str, problems: &mut Problems) -> Vec<Self> {
        let Some(section) = self.section(key, problems) else {
            return Vec::new();
        };
        let path = section.path.clone();
        let mut sections = Vec::new();
        for (name, value) in section.entries() {
            let path = format!("{path}.{name}");
            match value {
                Value::Table(table) => sections.push(Self { path, table }),
                _ => problems.add(format!("{path} must be a table")),
            }
        }
        sections
    }

    /// Keys that mean nothing here: descriptions, and what only builds read.
    pub(super) fn ignore(&mut self, keys: &[&str]) {
        for key in keys {
            self.table.remove(*key);
        }
    }

    /// Names what nobody took.
    pub(super) fn finish(self, problems: &mut Problems) {
        for key in self.table.keys() {
            problems.add(format!("{} is not supported", self.key(key)));
        }
    }
}

/// Notes that what stands at `path` is something else than it must be.
pub(super) fn wrong<T>(path: &str, expected: &str, problems: &mut Problems) -> Option<T> {
    problems.add(format!("{path} must be {expected}"));
    None
}
