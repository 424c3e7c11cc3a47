"""Who can reach whom by the NetworkPolicies, and who should."""

import typing

NAME = "app.kubernetes.io/name"


class Place(typing.NamedTuple):
    """One end of a connection: the labels of a pod, and of its namespace if that is not ours."""

    labels: dict
    namespace: dict | None = None


# All else, inside and outside of the cluster.
ANYWHERE, STRANGER = Place({}, {}), Place({NAME: "stranger"})
DNS, SYSTEM = {"k8s-app": "kube-dns"}, {"kubernetes.io/metadata.name": "kube-system"}
MONITORING = Place({}, {"kubernetes.io/metadata.name": "monitoring"})
ASKED = Place({}, {"sluicegate/asked": "true"})
# Which pods go anywhere by a port: to the database, its pooler, Redis without and with TLS, the store. Nobody uses 22.
PORTS = {
    5432: {"origin", "worker", "migrate"},
    6432: {"origin", "worker", "migrate"},
    6379: {"origin", "worker"},
    6380: {"origin", "worker"},
    9000: {"edge", "origin", "worker", "bucket"},
    **dict.fromkeys((22, 53, "UDP 53", 8080, 8090), set()),
}
# Who reaches which of the pods, by their names, and where.
INSIDE = {
    "origin": (8080, {"edge"}),
    "detector": (8090, {"origin", "worker"}),
    "minio": (9000, {"edge", "origin", "worker", "bucket", "minio"}),
}
WITH_METRICS = {"edge", "origin", "worker"}
METRICS = (9100, 9180)


def selects(selector: dict, labels: dict) -> bool:
    """What policies, budgets and Services choose pods by; of expressions only `In`, which is all that is used."""
    by_label = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    expressions = selector.get("matchExpressions", [])
    return by_label and all(one["operator"] == "In" and labels.get(one["key"]) in one["values"] for one in expressions)


def is_peer(peer: dict, place: Place) -> bool:
    if "ipBlock" in peer:
        return False
    if "namespaceSelector" in peer:
        if place.namespace is None or not selects(peer["namespaceSelector"], place.namespace):
            return False
    elif place.namespace is not None:
        return False
    return selects(peer.get("podSelector", {}), place.labels)


def number(port: dict) -> object:
    return port.get("port") if port.get("protocol") == "TCP" else f"{port.get('protocol')} {port.get('port')}"


def rules(policies: list[dict], way: str, pod: dict) -> list[dict]:
    """Of all policies that choose the pod. No rule at all lets nobody; where no policy chooses it, everybody is let."""
    chosen = [spec for spec in (policy["spec"] for policy in policies) if way in spec["policyTypes"] and selects(spec["podSelector"], pod)]
    return [rule for spec in chosen for rule in spec.get(way.lower()) or []] if chosen else [{}]


def lets(rules: list[dict], place: Place, port: object) -> bool:
    return any(
        (not rule.get("ports") or port in map(number, rule["ports"]))
        and (not peers or any(is_peer(peer, place) for peer in peers))
        for rule in rules
        for peers in [rule.get("from") or rule.get("to")]
    )


def wrong(policies: list[dict], pods: list[dict], way_in: int, asks: set[str]) -> list[str]:
    """What is let though it should not be, or the reverse. `pods` are labels; `way_in` is the port of the edge, and
    `asks` are those that reach detectors, models and collectors elsewhere."""
    found = []
    all_rules = {(way, index): rules(policies, way, pod) for way in ("Ingress", "Egress") for index, pod in enumerate(pods)}

    def expect(way: str, pod: dict, place: Place, port: object, should: bool) -> None:
        if lets(all_rules[way, pods.index(pod)], place, port) != should:
            found.append(f"network: {way} of {pod[NAME]} at {port}, {place}: should be {'let' if should else 'refused'}")

    for pod in pods:
        name = pod[NAME]
        for port, who in PORTS.items():
            for place in (ANYWHERE, STRANGER, Place({}, SYSTEM), Place(DNS, {})):
                expect("Egress", pod, place, port, name in who)
            expect("Egress", pod, Place(DNS, SYSTEM), port, name in who or port in (53, "UDP 53"))
            for other in pods:
                its_port, its_own = INSIDE.get(other[NAME], (way_in, set()))
                reaches = port == its_port and name in its_own
                expect("Egress", pod, Place(other), port, name in who or reaches)
                expect("Ingress", other, Place(pod), port, reaches or (port, other[NAME]) == (way_in, "edge"))
        expect("Egress", pod, ASKED, 443, name in asks)
        for port in (*PORTS, *METRICS, way_in):
            for place in (ANYWHERE, STRANGER, MONITORING):
                watched = place == MONITORING and port in METRICS and name in WITH_METRICS
                expect("Ingress", pod, place, port, watched or (port, name) == (way_in, "edge"))
    if {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} not in [policy["spec"] for policy in policies]:
        found.append("network: no policy refuses what no other lets")
    return found
