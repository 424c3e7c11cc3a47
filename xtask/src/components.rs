use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use wasmparser::{Parser, Payload};

use crate::cargo::{WASM, cargo, root, target};
use crate::process::{Stop, run};
use crate::toolchain;
use crate::ui::{note, step};

/// The components, each with its package.
pub(crate) const COMPONENTS: [(&str, &str); 3] = [
    ("inspector", "sluicegate-inspector"),
    ("uploads", "sluicegate-uploads"),
    ("gateway", "sluicegate-gateway"),
];

/// Builds the components, then compares what each imports and exports with `docs/component-interfaces`.
pub(crate) fn main(stop: &Stop, bless: bool) -> Result<()> {
    toolchain::ensure_wasm(stop)?;
    for (name, package) in COMPONENTS {
        // One invocation each: in a common one, features of their dependencies would unify, and every
        // component would import what one of them needs.
        step(&format!("Building the component {name}"), || {
            let arguments = [
                "build",
                "-p",
                package,
                "--target",
                WASM,
                "--profile",
                "component",
            ];
            run(stop, &mut cargo(arguments))
        })?;
    }
    step("Comparing the components' interfaces", || {
        let mut wrong = Vec::new();
        for (name, package) in COMPONENTS {
            wrong.extend(compare(name, &artifact(package), bless)?);
        }
        if wrong.is_empty() {
            return Ok(());
        }
        bail!(
            "{}\nif that is meant: `cargo xtask components --bless`, and commit the list",
            wrong.join("\n")
        )
    })
}

/// Where cargo puts a component.
fn artifact(package: &str) -> PathBuf {
    let file = format!("{}.wasm", package.replace('-', "_"));
    target().join(WASM).join("component").join(file)
}

fn compare(name: &str, wasm: &Path, bless: bool) -> Result<Option<String>> {
    let bytes = fs::read(wasm).with_context(|| format!("cannot read {}", wasm.display()))?;
    let have = interfaces(&bytes).with_context(|| format!("{} is no component", wasm.display()))?;
    let list = root()
        .join("docs/component-interfaces")
        .join(format!("{name}.txt"));
    if bless {
        let mut text = have
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n");
        text.push('\n');
        fs::create_dir_all(root().join("docs/component-interfaces"))?;
        fs::write(&list, text)?;
        note(&format!("wrote {}", list.display()));
        return Ok(None);
    }
    let text =
        fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let expected = text.lines().map(str::to_owned).collect();
    Ok(difference(name, &expected, &have))
}

fn difference(name: &str, expected: &BTreeSet<String>, have: &BTreeSet<String>) -> Option<String> {
    let more = have
        .difference(expected)
        .map(|line| format!("\n  + {line}"));
    let less = expected
        .difference(have)
        .map(|line| format!("\n  - {line}"));
    let lines: String = more.chain(less).collect();
    (!lines.is_empty()).then(|| format!("the interface of {name} is not the committed one:{lines}"))
}

/// `import <name>` and `export <name>` of the outermost component.
fn interfaces(bytes: &[u8]) -> Result<BTreeSet<String>> {
    let mut lines = BTreeSet::new();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding, .. } => {
                if depth == 0 && encoding != wasmparser::Encoding::Component {
                    bail!("it is a module");
                }
                depth += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    lines.insert(format!("import {}", import?.name.0));
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    lines.insert(format!("export {}", export?.name.0));
                }
            }
            _ => {}
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component that imports an instance `a:b/c`, with a nested component that imports `x:y/z`.
    fn component() -> Vec<u8> {
        let head = b"\0asm\x0d\0\x01\0";
        let imports = |name: &[u8; 5]| {
            // An instance type without members, then one import of that type.
            let mut bytes = vec![7, 3, 1, 0x42, 0, 10, 10, 1, 0, 5];
            bytes.extend_from_slice(name);
            bytes.extend_from_slice(&[5, 0]);
            bytes
        };
        let mut nested = head.to_vec();
        nested.extend(imports(b"x:y/z"));
        let mut whole = head.to_vec();
        whole.extend(imports(b"a:b/c"));
        whole.push(4);
        whole.push(u8::try_from(nested.len()).expect("is short"));
        whole.extend(nested);
        whole
    }

    #[test]
    fn only_the_outermost_component_is_listed() {
        let lines = interfaces(&component()).expect("parses");
        assert_eq!(lines.into_iter().collect::<Vec<_>>(), ["import a:b/c"]);
    }

    #[test]
    fn modules_are_refused() {
        assert!(interfaces(b"\0asm\x01\0\0\0").is_err());
    }

    #[test]
    fn differences_name_both_sides() {
        let set = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(
            difference("x", &set(&["import a"]), &set(&["import a"])),
            None
        );
        let text = difference("x", &set(&["import a"]), &set(&["import b"])).expect("differs");
        assert!(
            text.contains("+ import b") && text.contains("- import a"),
            "{text}"
        );
    }
}
