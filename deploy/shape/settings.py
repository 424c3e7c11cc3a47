"""settings.py <file>: whether what `docker compose config --format json` says follows the settings that `deploy/check` chose.

What does not it prints, a line each; then it ends with 1.
"""

import json
import pathlib
import sys

STORE, REGION, BUCKET = "http://store.example.org:9000", "eu-1", "pictures"
LIST = "deploy/unsafe.txt"


def containers(services: dict, name: str, port: int) -> str:
    """The addresses of all containers of a service, as Compose names them."""
    count = services[name]["deploy"]["replicas"]
    return ",".join(f"http://sluicegate-{name}-{number}:{port}" for number in range(1, count + 1))


def main() -> int:
    services = json.loads(pathlib.Path(sys.argv[1]).read_text())["services"]
    told = {name: service.get("environment", {}) for name, service in services.items()}
    of_store = {name: (told[name].get("S3_ENDPOINT"), told[name].get("S3_REGION"), told[name].get("S3_BUCKET")) for name in ("origin", "bucket", "maintenance", "backup")}
    held = {
        "no Redis": told["origin"]["REDIS_URL"] == "" and told["maintenance"]["REDIS_URL"] == "",
        "a store of one's own": set(of_store.values()) == {(STORE, REGION, BUCKET)},
        "the same store for the edge": told["edge"]["SPIN_VARIABLE_STORE_URL"] == STORE,
        "a network that leads there": all({"outside", "public"} & set(services[name]["networks"]) for name in (*of_store, "edge")),
        "who stands in front of the edge": "--trusted-proxies=172.18.0.1" in services["edge"]["command"],
        "three origins": services["origin"]["deploy"]["replicas"] == 3,
        "each detector is asked": {told[name]["MODERATION_IMAGE_SERVICE_URL"] for name in ("origin", "image-moderation")}
        == {containers(services, "detector", 8090)},
        "by a list of one's own": told["detector"]["DETECTOR_UNSAFE_FILES"] != ""
        and services["detector"]["volumes"][0]["source"].endswith(LIST)
        and services["detector"]["volumes"][0]["target"] == told["detector"]["DETECTOR_UNSAFE_FILES"],
    }
    wrong = [what for what, is_so in held.items() if not is_so]
    for what in wrong:
        print(f"not so: {what}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
