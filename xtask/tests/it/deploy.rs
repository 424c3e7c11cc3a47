//! What lies in `deploy/`, held against what reads it, and our images started as they are run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::notes::{ran_on, skip};

/// A program that the checks use: the variable that names it to us, the one that names it to `deploy/check`, the
/// words behind it there, what it is asked for its version, and what it reads.
struct Tool {
    given: &'static str,
    passed_on: &'static str,
    words: fn(&Path) -> &'static str,
    version: &'static [&'static str],
    reads: &'static str,
}

const TOOLS: [Tool; 6] = [
    Tool {
        given: "SLUICEGATE_COMPOSE",
        passed_on: "COMPOSE",
        words: |program| {
            if is(program, "docker") {
                " compose"
            } else {
                ""
            }
        },
        version: &["version"],
        reads: "compose.yaml",
    },
    Tool {
        given: "SLUICEGATE_KUSTOMIZE",
        passed_on: "KUSTOMIZE",
        words: |program| {
            if is(program, "kubectl") {
                " kustomize"
            } else {
                " build"
            }
        },
        version: &["version"],
        reads: "Kubernetes manifests and their overlays",
    },
    Tool {
        given: "SLUICEGATE_KUBECONFORM",
        passed_on: "KUBECONFORM",
        words: |_| "",
        version: &["-v"],
        reads: "Kubernetes manifests against their schemas",
    },
    Tool {
        given: "SLUICEGATE_KUBERNETES_SCHEMAS",
        passed_on: "PYTHON",
        words: |_| "",
        version: &["--version"],
        reads: "schemas, and the shape of services and manifests",
    },
    Tool {
        given: "SLUICEGATE_HAPROXY",
        passed_on: "HAPROXY",
        words: |_| "",
        version: &["-v"],
        reads: "haproxy.cfg",
    },
    Tool {
        given: "SLUICEGATE_PROMTOOL",
        passed_on: "PROMTOOL",
        words: |_| "",
        version: &["--version"],
        reads: "prometheus.yml and alerts",
    },
];

fn is(program: &Path, name: &str) -> bool {
    program.file_name().is_some_and(|file| file == name)
}

fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("lies in the repository")
}

fn said(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    format!("{}{errors}", String::from_utf8_lossy(&output.stdout))
}

/// The first line of what it says of its version, after the name of the program.
fn named(program: &Path, version: &[&str]) -> String {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let output = Command::new(program).args(version).output();
    let said = output.map(|output| said(&output)).unwrap_or_default();
    let first = said.lines().next().unwrap_or_default().trim().to_owned();
    format!("{name} ({first})")
}

#[test]
fn what_deploys_ours_is_sound() {
    const NAME: &str = "what_deploys_ours_is_sound";
    let mut check = Command::new(root().join("deploy/check"));
    let mut had = Vec::new();
    for tool in &TOOLS {
        let Some(program) = std::env::var_os(tool.given).map(PathBuf::from) else {
            continue;
        };
        // It is one word there, or two.
        let mut words = program.clone().into_os_string();
        words.push((tool.words)(&program));
        check.env(tool.passed_on, words);
        had.push((named(&program, tool.version), tool.reads));
    }
    let output = check.output().expect("starts");
    let text = said(&output);
    let passed = output.status.success();
    for (program, reads) in had {
        ran_on(&program, &format!("deploy/: {reads}"), passed);
    }
    assert!(passed, "{text}");
    assert!(text.contains("ok       secrets are generated"), "{text}");
    let left_out: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("skipped  "))
        .collect();
    if !left_out.is_empty() {
        skip(
            NAME,
            &format!("all was sound but for {}", left_out.join("; ")),
        );
    }
}

#[test]
fn our_images_start_without_rights() {
    const NAME: &str = "our_images_start_without_rights";
    // Beside what cargo built for this run.
    let programs = Path::new(env!("CARGO_BIN_EXE_xtask"))
        .parent()
        .expect("lies in a folder");
    let target = programs.parent().expect("lies in the target folder");
    let components = target.join("wasm32-wasip2/component");
    let needed = [
        programs.join("sluicegate-origin"),
        programs.join("sluicegate-edge"),
        components.join("sluicegate_uploads.wasm"),
    ];
    if let Some(missing) = needed.iter().find(|file| !file.exists()) {
        return skip(NAME, &format!("{} is not built", missing.display()));
    }
    let mut check = Command::new(root().join("deploy/check-images"));
    check.arg(programs).env("COMPONENTS", &components);
    let podman = std::env::var_os("SLUICEGATE_PODMAN").map(PathBuf::from);
    if let Some(podman) = &podman {
        check.env("ENGINE", podman);
    }
    let output = check.output().expect("starts");
    let text = said(&output);
    if let Some(reason) = text.lines().find_map(|line| line.strip_prefix("skipped: ")) {
        return skip(NAME, reason);
    }
    let passed = output.status.success();
    let engine = podman.map_or_else(
        || "podman or docker of the path".to_owned(),
        |podman| named(&podman, &["--version"]),
    );
    ran_on(&engine, "images of origin and edge", passed);
    assert!(passed, "{text}");
    let held = text.lines().filter(|line| line.starts_with("ok  ")).count();
    assert_eq!(held, 22, "{text}");
}
