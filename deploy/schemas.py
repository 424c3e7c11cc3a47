"""schemas.py <folder> <version> [custom resource definition]...: writes schemas as kubeconform looks for them.

Those of Kubernetes come from the package `kubernetes-validate` (it carries them, so that nothing else is fetched), those of
custom resources from their definitions. Unknown members are refused, as the API server would drop them without a word.
"""

import json
import pathlib
import sys

import kubernetes_validate
import yaml


def kubernetes(to: pathlib.Path, version: str) -> None:
    """Converts the schemas of one version: its references are absolute, kubeconform's are relative."""
    package = pathlib.Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    source = package / f"v{version}-local-strict"
    if not source.is_dir():
        sys.exit(f"error: the installed kubernetes-validate has no schemas of {version}")
    target = to / f"v{version}-standalone-strict"
    target.mkdir(parents=True)
    for file in source.glob("*.json"):
        schema = json.loads(file.read_text())
        schema.pop("$id", None)
        text = json.dumps(schema).replace("/api/_definitions.json#", "_definitions.json#")
        (target / file.name).write_text(text)


def strict(schema: object) -> object:
    """Refuses members that the definition does not name, at every depth."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    schema = {name: strict(value) for name, value in schema.items()}
    kept = schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema and not kept:
        schema["additionalProperties"] = False
    return schema


def custom(to: pathlib.Path, file: str) -> None:
    for definition in yaml.safe_load_all(pathlib.Path(file).read_text()):
        if not definition or definition.get("kind") != "CustomResourceDefinition":
            continue
        spec = definition["spec"]
        folder = to / spec["group"]
        folder.mkdir(parents=True, exist_ok=True)
        for version in spec["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            # The API server knows these three itself.
            for name in ("apiVersion", "kind", "metadata"):
                schema["properties"][name] = {"type": "object" if name == "metadata" else "string"}
            name = f"{spec['names']['kind'].lower()}_{version['name']}.json"
            (folder / name).write_text(json.dumps(schema))


def main() -> None:
    to = pathlib.Path(sys.argv[1])
    kubernetes(to, sys.argv[2])
    for file in sys.argv[3:]:
        custom(to, file)


main()
