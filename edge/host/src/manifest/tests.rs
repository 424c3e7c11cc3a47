use super::*;

const GOOD: &str = r#"
spin_manifest_version = 2

[application]
name = "sluicegate"
version = "0.1.0"
description = "…"
authors = ["…"]

[variables]
origin = { default = "127.0.0.1:8080" }
jwt_secret = { required = true, secret = true }

[[trigger.http]]
route = "/v1/uploads"
component = "uploads"

[[trigger.http]]
id = "rest"
route = "/..."
component = "gateway"

[component.gateway]
source = "gateway.wasm"
allowed_outbound_hosts = ["http://{{ origin }}", "http://127.0.0.1:*"]
[component.gateway.variables]
origin = "http://{{ origin }}"
[component.gateway.build]
command = "cargo build"

[component.uploads]
source = "uploads.wasm"
[component.uploads.dependencies]
"sluicegate:edge/inspector@0.1.0" = { component = "inspector" }

[component.inspector]
source = "inspector.wasm"
"#;

#[test]
fn reads_what_it_supports() {
    let manifest = parse(GOOD).unwrap();
    assert_eq!(manifest.name, "sluicegate");
    assert_eq!(
        manifest.variables["origin"].default.as_deref(),
        Some("127.0.0.1:8080")
    );
    assert!(manifest.variables["jwt_secret"].secret);
    assert_eq!(manifest.routes.len(), 2);
    assert_eq!(manifest.routes[1].1, "gateway");
    let gateway = &manifest.components["gateway"];
    assert_eq!(gateway.source, PathBuf::from("gateway.wasm"));
    assert_eq!(gateway.allowed_outbound_hosts.len(), 2);
    assert_eq!(gateway.variables["origin"].source(), "http://{{ origin }}");
    assert_eq!(
        manifest.components["uploads"].dependencies["sluicegate:edge/inspector@0.1.0"],
        Dependency::Component("inspector".to_owned())
    );
}

#[test]
fn names_everything_it_does_not_support_at_once() {
    let text = r#"
spin_manifest_version = 1
extra = 1

[application]
name = "x"
[application.trigger.redis]
address = "redis://localhost"

[variables]
both = { required = true, default = "x" }
Bad-Name = { default = "x" }

[[trigger.redis]]
channel = "x"

[[trigger.http]]
route = { private = true }
component = "a"
executor = { type = "wagi" }

[[trigger.http]]
route = "/user/:id"
component = "nowhere"

[component.a]
source = { url = "https://example.com/a.wasm", digest = "sha256:0" }
files = ["x"]
key_value_stores = ["default"]
sqlite_databases = ["default"]
ai_models = ["llama2-chat"]
environment = { A = "b" }
allowed_outbound_hosts = ["redis://localhost", "http://{{ unclosed"]
dependencies_inherit_configuration = true
[component.a.dependencies]
"a:b/c" = "1.0"
"a:b/d" = { path = "x.wasm", export = "y" }
"a:b/e" = { component = "none" }
"#;
    let problems = parse(text).unwrap_err();
    let all = problems.to_string();
    for named in [
        "spin_manifest_version must be 2",
        "extra is not supported",
        "application.trigger is not supported",
        "variables.both",
        "variables.Bad-Name",
        "trigger.redis is not supported",
        "private routes are not supported",
        "trigger.http[0].executor is not supported",
        "named segments (:id) are not supported",
        "there is no component \"nowhere\"",
        "component.a.source: only a path",
        "component.a.files is not supported",
        "component.a.key_value_stores is not supported",
        "component.a.sqlite_databases is not supported",
        "component.a.ai_models is not supported",
        "component.a.environment is not supported",
        "\"redis://localhost\" has a scheme other than",
        "without '}}'",
        "dependencies_inherit_configuration = true is not supported",
        "component.a.dependencies.\"a:b/c\": only",
        "component.a.dependencies.\"a:b/d\".export is not supported",
        "there is no component \"none\"",
    ] {
        assert!(all.contains(named), "{named} is not in: {all}");
    }
}

#[test]
fn routes_are_distinct() {
    let twice = GOOD.replace("\"/...\"", "\"/v1/uploads/\"");
    let problems = parse(&twice).unwrap_err();
    assert_eq!(problems.list(), ["trigger.http[1].route is given twice"]);
}

#[test]
fn what_is_not_toml_is_said_so() {
    assert!(parse("a = ").unwrap_err().to_string().contains("not TOML"));
}
