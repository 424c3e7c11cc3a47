//! What documents and manifests tell programs to be set is a setting: of an origin, of an edge, or of those who are not ours.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sluicegate_origin::settings::{REFERENCE, Settings};

/// Of images of others, and of Compose.
const OF_OTHERS: [&str; 7] = [
    "AWS_",
    "COMPOSE_",
    "GF_",
    "MC_",
    "MINIO_",
    "POSTGRES_",
    "REDISCLI_",
];
/// What an edge's variable is called in the environment: `origin_url` of `spin.toml` is `SPIN_VARIABLE_ORIGIN_URL`.
const OF_EDGES: &str = "SPIN_VARIABLE_";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("is text")
}

/// All files below a folder that end like that.
fn files(folder: &Path, ends: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("is a folder");
    let paths = entries.map(|entry| entry.expect("is there").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                return files(&path, ends);
            }
            let end = path.extension().unwrap_or_default();
            let fits = ends.iter().any(|wanted| end == *wanted);
            if fits { vec![path] } else { Vec::new() }
        })
        .collect()
}

/// Words like `DATABASE_URL`.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| {
        let inner = word.trim_matches('_');
        inner.contains('_')
            && inner.len() == word.len()
            && !word.contains(|c: char| c.is_ascii_lowercase())
            && word.starts_with(|c: char| c.is_ascii_uppercase())
    })
}

/// What `compose.yaml` is told by `deploy/.env`, and tells its services by other names.
fn of_compose(compose: &str) -> BTreeSet<&str> {
    let asked = compose.split("${").skip(1);
    let mut told: BTreeSet<_> = asked.filter_map(|rest| names(rest).next()).collect();
    told.insert("SLUICEGATE_PASSWORD");
    told
}

#[test]
fn what_is_to_be_set_is_a_setting() {
    let root = root();
    let compose = read(&root.join("deploy/compose.yaml"));
    let application = read(&root.join("spin.toml"));
    let settings: BTreeSet<_> = names(REFERENCE).chain(of_compose(&compose)).collect();
    let mut places = files(&root.join("docs/operations"), &["md"]);
    places.extend(files(&root.join("deploy"), &["yaml", "yml"]));
    places.extend(["README.md", "deploy/Containerfile"].map(|file| root.join(file)));
    let mut unknown = BTreeSet::new();
    let mut found = 0;
    for place in places {
        let text = read(&place);
        for name in names(&text) {
            found += 1;
            let of_edges = name.strip_prefix(OF_EDGES).map(str::to_lowercase);
            let is_known = match of_edges {
                Some(variable) => application.contains(&format!("\n{variable} = ")),
                None => settings.contains(name) || OF_OTHERS.iter().any(|of| name.starts_with(of)),
            };
            if !is_known {
                unknown.insert(format!("{name} in {}", place.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
    assert!(found > 200, "only {found} names were found");
}

/// Whoever is called finds the alert by its name: on the page that it names, and in the table of all pages.
#[test]
fn each_alert_stands_on_its_page_and_in_the_table() {
    let root = root();
    let read = |file: &str| read(&root.join(file));
    let (alerts, table) = (
        read("docs/operations/alerts.yaml"),
        read("docs/operations/README.md"),
    );
    let mut found = 0;
    for alert in alerts.split("- alert: ").skip(1) {
        let name = alert.lines().next().expect("has a name").trim();
        let page = alert.split("runbook: ").nth(1).expect("has a page");
        let page = read(page.lines().next().expect("is named").trim());
        for place in [&page, &table] {
            assert!(place.contains(&format!("`{name}`")), "{name}");
        }
        found += 1;
    }
    assert!(found > 20, "only {found} alerts were found");
}

/// The bench says which of its columns is the default, and the page of its figures with it.
#[test]
fn the_jobs_at_once_that_were_measured_as_the_default_are_it() {
    let settings = Settings::parse(&|_| None).expect("defaults are right");
    let said = format!("{} (`POST_JOBS` by default)", settings.work.post_jobs);
    for file in ["bench/src/queue/sweep.rs", "docs/benchmarks.md"] {
        let text = read(&root().join(file));
        assert!(text.contains(&said), "{file} does not say {said}");
    }
}
