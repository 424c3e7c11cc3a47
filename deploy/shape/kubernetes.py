"""kubernetes.py <file> [--asked] [--mutate]: whether what Kustomize makes of base and overlays is the shape that we promise.

What it finds wrong it prints, a line each; then it ends with 1. With `--asked` the detector of the base must be asked, else
nobody may be told to. With `--mutate` it takes away one thing after the other, and writes other things in their place, and
each must be found wrong: what nobody would miss is printed.
"""

import collections.abc
import pathlib
import re
import sys

import yaml
from network import NAME, selects, wrong as wrong_network
from queues import queues

Document = dict
WORKLOADS = ("Deployment", "StatefulSet", "Job")
NO_RIGHT = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
USER = 65532
SECONDS_TO_DRAIN = 40
# They listen in less time than any probe takes.
AT_ONCE = {"detector"}
ADDRESS = "MODERATION_IMAGE_SERVICE_URL"
# What workers are scaled by. Each process says the same, so it is not to be added up.
AGE = "sluicegate_job_oldest_ready_age_seconds"
BY_AGE = 'max(%s{job="sluicegate-origin",queue="%s"})'
# They are bound to nobody's volumes, so that any node will do; but two on one go with it.
SPREAD = {"edge": "topologySpreadConstraints", "origin": "topologySpreadConstraints", "minio": "affinity"}


def of(documents: list[Document], *kinds: str) -> list[Document]:
    return [document for document in documents if document["kind"] in kinds]


def name(document: Document) -> str:
    return document["metadata"]["name"]


def pod(workload: Document) -> Document:
    return workload["spec"]["template"]["spec"]


def labels(workload: Document) -> dict:
    if workload["kind"] == "SpinApp":
        return workload["spec"].get("podLabels", {})
    return workload["spec"]["template"]["metadata"]["labels"]


def not_so(what: str, held: dict[str, bool]) -> list[str]:
    return [f"{what}: not so: {promise}" for promise, is_so in held.items() if not is_so]


def has_no_rights(workload: Document, accounts: set[str]) -> dict[str, bool]:
    spec = pod(workload)
    security = spec.get("securityContext", {})
    user, group = security.get("runAsUser", 0), security.get("runAsGroup", 0)
    ours = any(re.search("origin|edge", container["image"]) for container in spec["containers"])
    return {
        "is given no token": spec.get("automountServiceAccountToken") is False,
        "takes no settings from Services": spec.get("enableServiceLinks") is False,
        "has an account that is there": spec.get("serviceAccountName") in accounts,
        "runs as an unprivileged user": security.get("runAsNonRoot") is True and user > 0 and group > 0,
        "runs as the user of our images": not ours or user == group == USER,
        "is held by seccomp": security.get("seccompProfile") == {"type": "RuntimeDefault"},
        "shares nothing with its node": not any(spec.get(f"host{what}") for what in ("Network", "PID", "IPC")),
        "no container has a right": all(
            container.get("securityContext") == NO_RIGHT for container in spec["containers"] + spec.get("initContainers", [])
        ),
    }


def is_bounded(container: Document) -> dict[str, bool]:
    resources = container.get("resources", {})
    return {
        "asks for cpu and memory": set(resources.get("requests", {})) == {"cpu", "memory"},
        "has a limit of memory": "memory" in resources.get("limits", {}),
        "is of a version": re.search(r":(?!latest$)[^:/]+$", container["image"]) is not None,
    }


def probed(container: Document, kind: str) -> str | None:
    """The path that a probe asks, if it asks a port that the container names."""
    ports = {port["name"] for port in container.get("ports", [])}
    asked = container.get(kind, {}).get("httpGet", {})
    return asked.get("path") if asked.get("port") in ports else None


def lives_long(workload: Document, services: list[Document]) -> dict[str, bool]:
    """What holds for all but Jobs. Each is one container."""
    spec, [container] = pod(workload), pod(workload)["containers"]
    served = [service for service in services if selects({"matchLabels": service["spec"]["selector"]}, labels(workload))]
    ports = {port["name"] for port in container.get("ports", [])}
    kind = labels(workload)[NAME]
    ready = probed(container, "readinessProbe")
    sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    return {
        "is given time to start": kind in AT_ONCE or probed(container, "startupProbe") is not None,
        "is restarted if it hangs, and not for others": probed(container, "livenessProbe") not in (None, "/readyz"),
        "is found by name": kind == "worker" or {kind, workload["spec"]["serviceName"] if kind == "minio" else kind} <= set(map(name, served)),
        "is asked whether it is ready": not served or ready is not None,
        "is left out while its database is away": kind != "origin" or ready == "/readyz",
        "is reached at a port that is there": all(
            port["targetPort"] in ports for service in served for port in service["spec"]["ports"]
        ),
        "is out of its Service before it stops": not served or workload["kind"] == "StatefulSet" or sleep > 0,
        "may end in peace": spec.get("terminationGracePeriodSeconds", 30) >= SECONDS_TO_DRAIN + sleep - 5,
        "none is missing while it is replaced": kind not in ("edge", "origin")
        or workload["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable") == 0,
        "is spread over nodes": kind not in SPREAD or SPREAD[kind] in spec,
        "can be written only where it must": kind != "minio" or "fsGroup" in spec["securityContext"],
    }


def ends(workload: Document) -> dict[str, bool]:
    spec = workload["spec"]
    bounds = ("backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished")
    return {
        "is tried again, not for ever, and cleared away": all(spec.get(bound) for bound in bounds),
        "is tried in its pod": pod(workload).get("restartPolicy") == "OnFailure",
    }


def is_served_by_spin(app: Document, documents: list[Document]) -> dict[str, bool]:
    spec = app["spec"]
    return {
        "has an executor": spec.get("executor") in map(name, of(documents, "SpinAppExecutor")),
        "is asked how it is": set(spec.get("checks", {})) == {"readiness", "liveness"},
        "two of them": spec.get("replicas", 1) >= 2,
        "knows the origin, the store and the key": {"origin_url", "store_url", "edge_key"}
        <= {variable["name"] for variable in spec.get("variables", [])},
    } | is_bounded(spec)


def scaled(documents: list[Document], workers: dict[str, Document]) -> list[str]:
    scalers = {scaler["spec"]["scaleTargetRef"]["name"] for scaler in of(documents, "ScaledObject")}
    found = [
        f"{which}: not so: there is one who says how many"
        for which, worker in workers.items()
        if which not in scalers and "replicas" not in worker["spec"]
    ]
    for scaler in of(documents, "ScaledObject"):
        spec = scaler["spec"]
        worker = workers.get(spec["scaleTargetRef"]["name"])
        [trigger] = spec["triggers"]
        metadata = trigger.get("metadata", {})
        queue = worker and pod(worker)["containers"][0]["args"][2]
        held = {
            "scales a worker": worker is not None,
            "as Prometheus says": trigger.get("type") == "prometheus" and metadata.get("serverAddress", "").startswith("http://"),
            "by the age of its queue": metadata.get("query") == BY_AGE % (AGE, queue),
            "which is seconds": float(metadata.get("threshold", 0)) > 0,
            "whose number is its own": worker is not None and "replicas" not in worker["spec"],
            "from one up": 1 <= spec.get("minReplicaCount", 0) < spec.get("maxReplicaCount", 0),
            "undivided, and nothing measured is not nothing to do": trigger.get("metricType") == "Value"
            and metadata.get("ignoreNullValues") == "false",
        }
        found += not_so(f"ScaledObject {name(scaler)}", held)
    return found


def values(node: object, variable: str) -> set[str]:
    """What anything in it sets the variable to: the data of a ConfigMap, or the environment of a container."""
    if isinstance(node, list):
        return set().union(*(values(one, variable) for one in node))
    if not isinstance(node, dict):
        return set()
    own = {node["value"]} if node.get("name") == variable and "value" in node else set()
    own |= {value for key, value in node.items() if key == variable}
    return own.union(*(values(one, variable) for one in node.values()))


def detector(documents: list[Document], asked: bool) -> dict[str, bool]:
    """It is there, and nobody is told to ask it: what it does not know it calls safe, and that is a verdict."""
    named = values(documents, ADDRESS)
    services = [service for service in of(documents, "Service") if name(service) == "detector"]
    here = {f"http://{name(service)}:{port['port']}" for service in services for port in service["spec"]["ports"]}
    deployments = [deployment for deployment in of(documents, "Deployment") if name(deployment) == "detector"]
    container = pod(deployments[0])["containers"][0] if deployments else {}
    mounted = {f"{mount['mountPath']}/unsafe" for mount in container.get("volumeMounts", [])}
    ports = {f"0.0.0.0:{port['containerPort']}" for port in container.get("ports", [])}
    return {
        "a detector": container.get("args") == ["detector"],
        "which listens where it is asked": values(container, "DETECTOR_LISTEN") == ports,
        "which reads its list": values(container, "DETECTOR_UNSAFE_FILES") == mounted,
        "which knows no secret": not container.get("envFrom"),
        "it is asked where it is" if asked else "nobody asks a detector that was not named": named == (here if asked else set()),
    }


def environment(workload: Document) -> dict[str, tuple[str, str]]:
    """Variables by what their value is from: the name of a Secret or a ConfigMap, and the key in it."""
    found = {}
    for variable in pod(workload)["containers"][0].get("env", []):
        for source in variable.get("valueFrom", {}).values():
            found[variable["name"]] = (source["name"], source["key"])
    return found


def handed(workload: Document) -> set[str]:
    return {kind for source in pod(workload)["containers"][0].get("envFrom", []) for kind in source}


def asked_for(node: object) -> set[str]:
    """The ConfigMaps that anything in it names."""
    if isinstance(node, list):
        return set().union(*map(asked_for, node))
    if not isinstance(node, dict):
        return set()
    own = {node[way]["name"] for way in ("configMapRef", "configMapKeyRef", "configMap") if way in node}
    return own.union(*map(asked_for, node.values()))


def together(documents: list[Document], asked: bool) -> list[str]:
    """What holds for all of them as one."""
    deployments = {name(one): one for one in of(documents, "Deployment")}
    args = {which: pod(one)["containers"][0].get("args", []) for which, one in deployments.items()}
    workers = {which: deployments[which] for which, said in args.items() if said[:2] == ["work", "--queues"]}
    jobs = {name(one): one for one in of(documents, "Job")}
    commands = {which: pod(one)["containers"][0].get("args") for which, one in jobs.items()}
    spin = of(documents, "SpinApp")
    configs = {name(one) for one in of(documents, "ConfigMap")}
    [namespace] = of(documents, "Namespace") or [{"metadata": {}}]
    enforced = namespace["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce")
    held = {
        "each queue of the code has workers of its own, and no other": sorted(args[which][2] for which in workers) == sorted(queues()),
        "origins do no jobs": args.get("origin") == ["serve", "--no-workers"],
        "two of whatever answers": all(
            one["spec"].get("replicas", 1) >= 2 for one in of(documents, "Deployment", "StatefulSet") if name(one) not in workers
        ),
        "Services lead somewhere": all(
            any(selects({"matchLabels": service["spec"]["selector"]}, labels(one)) for one in of(documents, *WORKLOADS))
            for service in of(documents, "Service")
        ),
        "the schema comes first": commands.get("migrate") == ["migrate"],
        "past the pooler": environment(jobs["migrate"]).get("DATABASE_URL") == ("sluicegate", "DATABASE_DIRECT_URL")
        if "migrate" in jobs
        else False,
        "the bucket is made": commands.get("bucket") == ["bucket", "init"],
        "where it belongs, with the keys": "bucket" in jobs
        and {f"S3_{what}" for what in ("ENDPOINT", "BUCKET", "REGION", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY")}
        == set(environment(jobs["bucket"])),
        "edges know the key": bool(spin)
        or environment(deployments["edge"]).get("SPIN_VARIABLE_EDGE_KEY") == ("sluicegate", "EDGE_KEY")
        if "edge" in deployments or spin
        else False,
        "settings and secrets are handed to all that need them": all(
            handed(deployments[which]) == {"configMapRef", "secretRef"} for which in ("origin", *workers) if which in deployments
        ),
        "settings that are asked for are there, and no other": asked_for(documents) == configs,
        "pods with rights are refused": enforced == ("baseline" if spin else "restricted"),
    } | detector(documents, asked)
    return [f"not so: {promise}" for promise, is_so in held.items() if not is_so] + scaled(documents, workers)


def wrong(documents: list[Document], asked: bool) -> list[str]:
    accounts = {name(one) for one in of(documents, "ServiceAccount") if one.get("automountServiceAccountToken") is False}
    services, budgets = of(documents, "Service"), of(documents, "PodDisruptionBudget")
    found = []
    for workload in of(documents, *WORKLOADS):
        what = f"{workload['kind']} {name(workload)}"
        found += not_so(what, has_no_rights(workload, accounts))
        for container in pod(workload)["containers"]:
            found += not_so(what, is_bounded(container))
        found += not_so(what, ends(workload) if workload["kind"] == "Job" else lives_long(workload, services))
    for app in of(documents, "SpinApp"):
        found += not_so(f"SpinApp {name(app)}", is_served_by_spin(app, documents))
    running = of(documents, *WORKLOADS, "SpinApp")
    for workload in (one for one in running if one["kind"] != "Job"):
        chosen = [budget["spec"] for budget in budgets if selects(budget["spec"]["selector"], labels(workload))]
        one_at_a_time = [spec.get("maxUnavailable") for spec in chosen] == [1]
        found += not_so(name(workload), {"one goes at a time when nodes are emptied": one_at_a_time})
    pods = [labels(workload) for workload in running]
    spin = bool(of(documents, "SpinApp"))
    asks = {"origin", "worker"} | (set() if spin else {"edge"})
    found += wrong_network(of(documents, "NetworkPolicy"), pods, 80 if spin else 3000, asks)
    return found + together(documents, asked)


# What kubeconform would miss, and what something works without.
NOT_MISSED = {"name", "containers", "selector", "template", "image", "protocol", "env", "envFrom", "ports", "args", "volumeMounts"}
NOT_MISSED |= {"volumes", "volumeClaimTemplates", "fsGroup", "fsGroupChangePolicy", "podManagementPolicy"}


def taken_out(documents: list[Document]) -> collections.abc.Iterator[str]:
    """Takes one thing after the other out while its name is looked at, and puts it back: each resource, each member of a
    workload, its pods and their containers as far as rights and resources go, and whatever stands in a policy or in what
    pulls a scaler."""
    for number, document in enumerate(documents):
        what = f"{document['kind']} {name(document)}"
        del documents[number]
        yield what
        documents.insert(number, document)
        if document["kind"] == "NetworkPolicy":
            inner = [("", document["spec"])]
        elif document["kind"] in WORKLOADS:
            inner = [("", document["spec"]), ("pod", pod(document)), *(("container", one) for one in pod(document)["containers"])]
        elif document["kind"] == "ScaledObject":
            inner = [("trigger", trigger) for trigger in document["spec"]["triggers"]]
        else:
            inner = []
        deep = document["kind"] in ("NetworkPolicy", "ScaledObject")
        for where, node in inner:
            yield from taken_out_of(node, f"{what}: {where}", deep)


def taken_out_of(node: Document | list, what: str, deep: bool) -> collections.abc.Iterator[str]:
    members = list(node.items() if isinstance(node, dict) else enumerate(node))
    for at, value in members:
        if not (deep and isinstance(node, dict) and at == "ports") and at in NOT_MISSED:
            continue
        del node[at]
        yield f"{what}.{at}"
        node.clear()
        node.update(members) if isinstance(node, dict) else node.extend(value for _, value in members)
        if isinstance(value, dict | list) and (deep or at in ("securityContext", "resources", "requests", "limits")):
            yield from taken_out_of(value, f"{what}.{at}", deep)


def all_of_one_taken_out(documents: list[Document]) -> collections.abc.Iterator[str]:
    """Takes out each Deployment with all that is named after it: what is left fits together without it."""
    before = documents[:]
    for which in map(name, of(before, "Deployment")):
        documents[:] = [one for one in before if which not in name(one)]
        yield f"everything of {which}"
    documents[:] = before


def instead(node: Document, key: str, value: object) -> collections.abc.Iterator[str]:
    """Writes that in the place of what is there, if anything is, while its name is looked at."""
    before = dict(node)
    node[key] = value
    yield f"{key}: {value}"
    node.clear()
    node.update(before)


def written_instead(documents: list[Document]) -> collections.abc.Iterator[str]:
    """Writes what works as well, or seems to, and is not what we promise."""
    for scaler in of(documents, "ScaledObject"):
        [trigger] = scaler["spec"]["triggers"]
        query = trigger["metadata"]["query"]
        yield from instead(trigger, "type", "cpu")
        for other in (query.replace(AGE, "sluicegate_jobs"), query.replace("max(", "sum("), query.replace('queue="', 'queue="no-')):
            yield from instead(trigger["metadata"], "query", other)
    for settings in (one for one in of(documents, "ConfigMap") if name(one).startswith("origin-settings")):
        yield from instead(settings["data"], ADDRESS, "http://detector:8090")
    for deployment in of(documents, "Deployment"):
        [container] = pod(deployment)["containers"]
        if name(deployment) == "detector":
            yield from instead(container, "env", container["env"][:1])
            yield from instead(container, "env", container["env"][1:])
            yield from instead(container, "envFrom", [{"secretRef": {"name": "sluicegate"}}])
        else:
            yield from instead(container, "env", [*container.get("env", []), {"name": ADDRESS, "value": "http://detector:8090"}])


def is_noticed(documents: list[Document], asked: bool) -> bool:
    try:
        return bool(wrong(documents, asked))
    except (KeyError, IndexError, TypeError, ValueError):
        # So much is missing that nothing could be made of it.
        return True


def main() -> None:
    documents = list(yaml.safe_load_all(pathlib.Path(sys.argv[1]).read_text()))
    asked = "--asked" in sys.argv
    found = wrong(documents, asked)
    if "--mutate" in sys.argv and not found:
        found = [
            f"nobody misses {what}"
            for changed in (taken_out, all_of_one_taken_out, written_instead)
            for what in changed(documents)
            if not is_noticed(documents, asked)
        ]
    print("\n".join(found) or f"{len(documents)} resources")
    sys.exit(1 if found else 0)


main()
