"""compose.py <file>: whether what `docker compose config --format json` says of all profiles is the shape that we promise.

What it finds wrong it prints, a line each; then it ends with 1.
"""

import json
import pathlib
import sys

from queues import queues

# They end by themselves, so nobody asks them how they are.
ONCE = {"migrate", "bucket", "backup"}
# Its image's user is root, to whom its folder belongs; it has none of root's rights.
ROOT = {"minio"}
# What `up` starts only if it is asked to.
PROFILES = {"observe": {"prometheus", "grafana"}, "backup": {"backup"}}
# All other networks lead nowhere else.
OUTWARD = {"public", "outside"}
SECONDS_TO_DRAIN = 40


def ours(service: dict) -> bool:
    return service["image"].startswith(("sluicegate-origin:", "sluicegate-edge:"))


def locked_down(name: str, service: dict) -> list[str]:
    """What holds for each container, whoever made its image."""
    user = service.get("user", "0")
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    held = {
        "runs as an unprivileged user": name in ROOT or user.split(":")[0] not in ("0", "root"),
        "has a root that cannot be written": service.get("read_only") is True,
        "has no capability": service.get("cap_drop") == ["ALL"] and not service.get("cap_add"),
        "gets no more rights": "no-new-privileges:true" in service.get("security_opt", []),
        "is not privileged": not service.get("privileged"),
        "has limits of cpu, memory and processes": all(limits.get(key) for key in ("cpus", "memory", "pids")),
        "keeps its log small": service.get("logging", {}).get("options", {}).get("max-size") is not None or name in ONCE,
        "is started again": service.get("restart") == ("no" if name in ONCE else "unless-stopped"),
        "is asked how it is": name in ONCE or bool(service.get("healthcheck", {}).get("test")),
        "is published to this machine alone": all(port.get("host_ip") == "127.0.0.1" for port in service.get("ports", [])),
    }
    if ours(service):
        held["runs as 65532"] = user == "65532:65532"
        held["is built, never pulled"] = service.get("pull_policy") == "never"
        held["may end in peace"] = seconds(service.get("stop_grace_period", "10s")) >= SECONDS_TO_DRAIN
    return [what for what, is_so in held.items() if not is_so]


def seconds(text: str) -> int:
    minutes, _, rest = text.rpartition("m")
    return int(minutes or 0) * 60 + int(rest.rstrip("s") or 0)


def waits_for(service: dict, other: str) -> str | None:
    return service.get("depends_on", {}).get(other, {}).get("condition")


def detectors(services: dict) -> dict[str, bool]:
    """They are there, and nobody asks them: what they do not know they call safe, and that is a verdict."""
    detector = services.get("detector", {})
    networks = set(detector.get("networks", {}))
    near = {name for name, service in services.items() if networks & set(service.get("networks", {}))}
    asked = {service.get("environment", {}).get("MODERATION_IMAGE_SERVICE_URL", "") for service in services.values()}
    return {
        "two detectors": detector.get("command") == ["detector"] and detector.get("deploy", {}).get("replicas") == 2,
        "nobody asks a detector that was not named": asked == {""},
        "origins and workers reach the detectors, and nobody else": near == {"detector", "origin"} | queues(),
    }


def whole(services: dict, networks: dict) -> list[str]:
    """What holds for them together."""
    origin, edge = services["origin"], services["edge"]
    commands = [service.get("command") for service in services.values() if ours(service)]
    worked_on = [command[2] for command in commands if command and command[:2] == ["work", "--queues"]]
    environment = edge.get("environment", {})
    traces = {name for name in origin["environment"] if name.startswith("OTEL_")}
    profiles = {profile for service in services.values() for profile in service.get("profiles", [])}
    started = {name: {other for other, service in services.items() if service.get("profiles") == [name]} for name in profiles}
    held = {
        "profiles add what they are for": started == PROFILES,
        "the edge has no key of the store": not any("ACCESS_KEY" in name for name in environment),
        "two origins": origin["deploy"].get("replicas") == 2,
        "origins do no jobs": origin["command"] == ["serve", "--no-workers"],
        "each queue of the code has a service of its own, and no other": sorted(worked_on) == sorted(queues()),
        "origins are reached by the balancer alone": environment.get("SPIN_VARIABLE_ORIGIN_URL") == "http://balancer:8080",
        "the edge reaches no database": not set(edge["networks"]) & set(services["postgres"]["networks"]),
        "the edge is told where traces go, as the origins are": traces and traces <= set(environment),
        "networks lead nowhere else": {name for name, network in networks.items() if not network.get("internal")} == OUTWARD,
    } | detectors(services)
    pooled, direct = "@pgbouncer:6432/", "@postgres:5432/"
    for name in ["origin", *sorted(queues())]:
        service = services[name]
        settings = service["environment"]
        held[f"{name} speaks to the pooler"] = pooled in settings["DATABASE_URL"] and direct in settings["DATABASE_DIRECT_URL"]
        done = "service_completed_successfully"
        held[f"{name} waits for schema and bucket"] = all(waits_for(service, other) == done for other in ("migrate", "bucket"))
    return [what for what, is_so in held.items() if not is_so]


def main() -> None:
    merged = json.loads(pathlib.Path(sys.argv[1]).read_text())
    services = merged["services"]
    wrong = [f"{name}: not so: {what}" for name, service in services.items() for what in locked_down(name, service)]
    wrong += [f"not so: {what}" for what in whole(services, merged["networks"])]
    print("\n".join(wrong) or f"{len(services)} services")
    sys.exit(1 if wrong else 0)


main()
