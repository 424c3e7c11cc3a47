//! What was asked and answered, by operation.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::schemathesis::Exchange;

/// Operations, and how often each status was answered.
pub struct Report {
    operations: Vec<Operation>,
    requests: usize,
}

struct Operation {
    method: String,
    path: String,
    statuses: BTreeMap<u16, usize>,
}

impl Report {
    /// Sorts the exchanges to the document's operations.
    pub fn new(document: &Value, exchanges: &[Exchange]) -> Result<Self> {
        let mut operations = operations(document)?;
        for exchange in exchanges {
            // Requests with methods or paths that are not documented belong to no operation. Of two paths
            // that fit, the one with fewer variables is meant.
            let fitting = operations.iter_mut().filter(|operation| {
                operation.method == exchange.method && fits(&operation.path, &exchange.path)
            });
            if let Some(operation) =
                fitting.min_by_key(|operation| operation.path.matches('{').count())
            {
                *operation.statuses.entry(exchange.status).or_default() += 1;
            }
        }
        Ok(Self {
            operations,
            requests: exchanges.len(),
        })
    }

    /// Fails if an operation was never asked, or never did what it is for.
    pub fn must_be_whole(&self) -> Result<()> {
        let lacking: Vec<String> = self
            .operations
            .iter()
            .filter(|operation| {
                !operation
                    .statuses
                    .keys()
                    .any(|status| (200..400).contains(status))
            })
            .map(|operation| format!("{} {}", operation.method, operation.path))
            .collect();
        ensure!(
            lacking.is_empty(),
            "never answered with success: {}",
            lacking.join(", ")
        );
        Ok(())
    }
}

fn operations(document: &Value) -> Result<Vec<Operation>> {
    let paths = document.get("paths").and_then(Value::as_object);
    let mut operations = Vec::new();
    for (path, item) in paths.context("the document has paths")? {
        for method in item.as_object().into_iter().flat_map(serde_json::Map::keys) {
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                statuses: BTreeMap::new(),
            });
        }
    }
    Ok(operations)
}

/// Whether a path is of that form.
fn fits(form: &str, path: &str) -> bool {
    let (mut form, mut path) = (form.split('/'), path.split('/'));
    loop {
        match (form.next(), path.next()) {
            (None, None) => return true,
            (Some(part), Some(found)) if part == found || part.starts_with('{') => {}
            _ => return false,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for operation in &self.operations {
            let statuses: Vec<String> = operation
                .statuses
                .iter()
                .map(|(status, times)| format!("{status} × {times}"))
                .collect();
            let (method, path) = (&operation.method, &operation.path);
            writeln!(f, "{method:>6} {path:<32} {}", statuses.join(", "))?;
        }
        write!(f, "{} requests in all", self.requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_are_sorted_to_operations() {
        let document = serde_json::json!({"paths": {
            "/a/{id}": {"get": {}, "delete": {}},
            "/a/b": {"get": {}},
        }});
        let exchange = |method: &str, path: &str, status| Exchange {
            method: method.to_owned(),
            path: path.to_owned(),
            status,
        };
        let mut exchanges = vec![
            exchange("GET", "/a/1", 200),
            exchange("GET", "/a/b", 404),
            exchange("GET", "/a/1/c", 200),
            exchange("DELETE", "/a/2", 204),
        ];
        let report = Report::new(&document, &exchanges).unwrap();
        let lacking = report.must_be_whole().unwrap_err().to_string();
        assert!(lacking.ends_with("success: GET /a/b"), "{lacking}");
        exchanges.push(exchange("GET", "/a/b", 304));
        let report = Report::new(&document, &exchanges).unwrap();
        report.must_be_whole().unwrap();
    }
}
