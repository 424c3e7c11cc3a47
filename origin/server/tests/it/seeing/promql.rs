//! As much of Prometheus as is needed to hold queries against what is exported.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::Value;

/// Functions and operators that a query may use.
const WORDS: [&str; 24] = [
    "sum",
    "max",
    "min",
    "avg",
    "count",
    "topk",
    "rate",
    "increase",
    "delta",
    "deriv",
    "histogram_quantile",
    "clamp_min",
    "absent",
    "time",
    "vector",
    "max_over_time",
    "by",
    "without",
    "on",
    "ignoring",
    "and",
    "or",
    "unless",
    "offset",
];
/// Labels that Prometheus itself sets.
const SCRAPED: [&str; 2] = ["job", "instance"];
/// A status of each class: none of them has to have been answered.
const STATUSES: [&str; 5] = ["101", "200", "304", "404", "503"];

/// The bounds of durations of requests, in seconds, that OpenTelemetry's conventions advise.
pub(super) const REQUEST_BUCKETS: [&str; 15] = [
    "0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1", "2.5", "5",
    "7.5", "10", "+Inf",
];

/// What one scrape answered.
pub(crate) struct Exposition {
    pub(super) text: String,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
    /// The words behind the colon of each metric's description: the values that its labels may have.
    words: BTreeMap<String, BTreeSet<String>>,
}

impl Exposition {
    pub(super) fn read(text: String) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.map(sample).collect();
        let descriptions = text.lines().filter_map(|line| line.strip_prefix("# HELP "));
        let words = descriptions
            .filter_map(|line| line.split_once(' '))
            .filter_map(|(name, text)| Some((name, text.split_once(": ")?.1)))
            .map(|(name, values)| {
                let words = values.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                (name.to_owned(), words.map(str::to_owned).collect())
            })
            .collect();
        Self {
            text,
            samples,
            words,
        }
    }

    /// Whether a value like that is known: it was counted, or the metric's description names it.
    fn knows(&self, metric: &str, label: &str, like: &Regex) -> bool {
        // Every queue has its jobs counted, at work or not.
        let seen = self
            .samples
            .iter()
            .filter(|(name, ..)| name == metric || label == "queue");
        let mut seen = seen.filter_map(|(_, labels, _)| labels.get(label));
        // What is exported has the description's name, and an ending of its kind.
        let mut described = self.words.iter().filter(|(name, _)| {
            let ending = metric.strip_prefix(name.as_str());
            ending.is_some_and(|ending| ending.is_empty() || ending.starts_with('_'))
        });
        seen.any(|value| like.is_match(value))
            || described.any(|(_, words)| words.iter().any(|word| like.is_match(word)))
            || label == "http_response_status_code"
                && STATUSES.iter().any(|status| like.is_match(status))
    }

    /// The sum of all samples of that name with these labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let fits = |of: &BTreeMap<String, String>| {
            let has = |(name, value): &(&str, &str)| of.get(*name).is_some_and(|is| is == value);
            labels.iter().all(has)
        };
        let found = self
            .samples
            .iter()
            .filter(|(is, of, _)| is == name && fits(of));
        found.map(|(_, _, value)| *value).reduce(|a, b| a + b)
    }

    /// The values of a label of a metric.
    pub(super) fn values(&self, name: &str, label: &str) -> BTreeSet<&str> {
        let found = self.samples.iter().filter(|(is, ..)| is == name);
        found
            .filter_map(|(_, of, _)| of.get(label).map(String::as_str))
            .collect()
    }

    /// The labels of a metric; `None` if nobody exports it.
    fn labels(&self, name: &str) -> Option<BTreeSet<&str>> {
        let mut found = self.samples.iter().filter(|(is, ..)| is == name).peekable();
        found.peek()?;
        Some(
            found
                .flat_map(|(_, of, _)| of.keys().map(String::as_str))
                .collect(),
        )
    }
}

fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let (series, value) = line.rsplit_once(' ').expect("has a value");
    let value = value.parse().expect("is a number");
    let Some((name, labels)) = series.split_once('{') else {
        return (series.to_owned(), BTreeMap::new(), value);
    };
    let labels = labels.trim_end_matches('}').split("\",");
    let labels = labels.filter_map(|label| label.split_once('='));
    let labels = labels.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()));
    (name.to_owned(), labels.collect(), value)
}

/// Each `expr` of a dashboard's panels.
pub(super) fn queries_of(dashboard: &Value) -> Vec<String> {
    match dashboard {
        Value::Object(members) => {
            let own = members
                .get("expr")
                .and_then(Value::as_str)
                .map(str::to_owned);
            own.into_iter()
                .chain(members.values().flat_map(queries_of))
                .collect()
        }
        Value::Array(items) => items.iter().flat_map(queries_of).collect(),
        _ => Vec::new(),
    }
}

/// Each `expr:` of a file of rules; ours stand on one line, or on the deeper ones after `expr: >-`.
pub(super) fn expressions(rules: &str) -> Vec<String> {
    let lines: Vec<&str> = rules.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(rest) = line.trim_start().strip_prefix("expr: ") else {
            continue;
        };
        if rest == ">-" {
            let below = lines[at + 1..]
                .iter()
                .take_while(|below| indent(below) > indent(line));
            let below: Vec<_> = below.map(|below| below.trim()).collect();
            found.push(below.join(" "));
        } else {
            found.push(rest.to_owned());
        }
    }
    found
}

/// Whether what a query asks for is exported by those whom it asks, which it says by `job`. Of jobs without an
/// exposition nothing is known.
pub(super) fn check(query: &str, seen: &[(&str, Option<&Exposition>)]) -> Result<(), String> {
    let query = query.replace("$__rate_interval", "5m");
    let tokens = tokens(&query);
    let balance = |open, close| {
        let count = |sign: &str| tokens.iter().filter(|token| *token == sign).count();
        count(open) == count(close)
    };
    if !(balance("(", ")") && balance("{", "}") && balance("[", "]")) {
        return Err("its brackets do not match".to_owned());
    }
    let mut known: BTreeSet<&str> = ["le"].into_iter().chain(SCRAPED).collect();
    let mut grouped = Vec::new();
    let (mut at, mut asks, mut all_known) = (0, 0, true);
    while let Some(token) = tokens.get(at) {
        at += 1;
        if !token.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        if WORDS.contains(&token.as_str()) {
            if ["by", "without", "on", "ignoring"].contains(&token.as_str()) {
                let (list, next) = until(&tokens, at, ")");
                grouped.extend(
                    list.into_iter()
                        .filter(|word| word.starts_with(char::is_alphabetic)),
                );
                at = next;
            }
            continue;
        }
        let (selector, next) = match tokens.get(at).map(String::as_str) {
            Some("{") => until(&tokens, at, "}"),
            _ => (Vec::new(), at),
        };
        at = next;
        asks += 1;
        match asked(token, &selector, seen)? {
            Some(exposition) => known.extend(has(token, &selector, exposition)?),
            None => all_known = all_known && token == "up",
        }
    }
    if asks == 0 {
        return Err("it asks for nothing".to_owned());
    }
    match grouped
        .iter()
        .find(|label| all_known && !known.contains(label.as_str()))
    {
        Some(label) => Err(format!("it groups by {label}, which nothing in it has")),
        None => Ok(()),
    }
}

/// Who is asked; `None` for what Prometheus itself knows, and for jobs of which nothing is known.
fn asked<'a>(
    metric: &str,
    selector: &[String],
    seen: &[(&str, Option<&'a Exposition>)],
) -> Result<Option<&'a Exposition>, String> {
    let job = selector.windows(3).find(|part| part[0] == "job");
    let job = job.map(|part| part[2].trim_matches('"'));
    let found = seen.iter().find(|(name, _)| Some(*name) == job);
    match found {
        Some(_) if metric == "up" => Ok(None),
        Some((_, exposition)) => Ok(*exposition),
        None => Err(format!("{metric} does not say by `job` whom it asks")),
    }
}

/// The labels of a metric, if it has those that are selected by.
fn has<'a>(
    metric: &str,
    selector: &[String],
    seen: &'a Exposition,
) -> Result<BTreeSet<&'a str>, String> {
    let labels = seen
        .labels(metric)
        .ok_or_else(|| format!("nobody exports {metric}"))?;
    for part in selector.windows(2) {
        let is_label = ["=", "!=", "=~", "!~"].contains(&part[1].as_str());
        let label = part[0].as_str();
        if is_label && !labels.contains(label) && !SCRAPED.contains(&label) {
            return Err(format!("{metric} has no label {label}"));
        }
    }
    // Routes are the router's, and what is left out of a panel need not have been asked for.
    let chosen = selector
        .windows(3)
        .filter(|part| ["=", "!=", "=~"].contains(&part[1].as_str()) && part[0] != "job");
    for part in chosen {
        let (label, value) = (part[0].as_str(), part[2].trim_matches('"'));
        let alternatives: Vec<String> = match part[1].as_str() {
            "=~" => value.split('|').map(str::to_owned).collect(),
            _ => vec![regex::escape(value)],
        };
        for alternative in alternatives {
            let like =
                Regex::new(&format!("^(?:{alternative})$")).map_err(|error| error.to_string())?;
            if !seen.knows(metric, label, &like) {
                return Err(format!("{metric} has no {label} like {alternative}"));
            }
        }
    }
    Ok(labels)
}

fn until(tokens: &[String], from: usize, end: &str) -> (Vec<String>, usize) {
    let inside = tokens[from..].iter().take_while(|token| *token != end);
    let inside: Vec<String> = inside.cloned().collect();
    let next = from + inside.len() + 1;
    (inside, next)
}

/// Words, texts in their quotes, numbers with their units, and signs.
fn tokens(query: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = query.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':' || c == '.';
        let length = if first == '"' {
            rest[1..].find('"').expect("the text ends") + 2
        } else if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if ["=~", "!~", "!=", ">=", "<=", "=="]
            .iter()
            .any(|sign| rest.starts_with(sign))
        {
            2
        } else {
            first.len_utf8()
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    tokens
}

#[test]
fn a_query_for_what_nobody_exports_fails() {
    let exposition = "# HELP a Things by what they are: c, d_e.\na_total{b=\"c\"} 3\n";
    let exposition = Exposition::read(exposition.to_owned());
    assert_eq!(exposition.value("a_total", &[("b", "c")]), Some(3.0));
    let seen = [
        ("sluicegate-origin", Some(&exposition)),
        ("sluicegate-edge", None),
    ];
    assert_eq!(
        check("sum by (x) (a{job=\"sluicegate-edge\"})", &seen),
        Ok(())
    );
    let origin = |labels: &str| format!("job=\"sluicegate-origin\"{labels}");
    let good = format!(
        "sum by (b) (rate(a_total{{{}}}[5m])) > 0.5",
        origin(",b=~\"c|d_.\"")
    );
    assert_eq!(check(&good, &seen), Ok(()));
    for bad in [
        "a_total".to_owned(),
        format!("b_total{{{}}}", origin("")),
        format!("a_total{{{}}}", origin(",d=\"c\"")),
        format!("a_total{{{}}}", origin(",b=\"d\"")),
        format!("a_total{{{}}}", origin(",b=\"what\"")),
        format!("a_total{{{}}}", origin(",b!=\"d\"")),
        format!("a_total{{{}}}", origin(",b=~\"c|d\"")),
        format!("sum by (d) (a_total{{{}}})", origin("")),
        format!("sum(a_total{{{}}}", origin("")),
        format!("summ(a_total{{{}}})", origin("")),
        "a_total{job=\"somebody\"}".to_owned(),
        "1 + 1".to_owned(),
    ] {
        assert!(check(&bad, &seen).is_err(), "{bad}");
    }
    let rules = "    expr: up == 0\n    expr: >-\n      a\n      > 3\n    for: 1m\n";
    assert_eq!(expressions(rules), ["up == 0", "a > 3"]);
}
