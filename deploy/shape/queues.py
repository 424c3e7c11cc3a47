"""The queues that the code works on: `QUEUES` in origin/core/src/job.rs."""

import pathlib
import re

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "origin/core/src/job.rs"


def queues() -> set[str]:
    text = SOURCE.read_text()
    named = dict(re.findall(r'^pub const (\w+): &str = "([^"]+)";$', text, re.MULTILINE))
    count, names = re.search(r"^pub const QUEUES: \[&str; (\d+)\] = \[([^\]]+)\];$", text, re.MULTILINE).groups()
    found = {named[name] for name in re.findall(r"\w+", names)}
    if len(found) != int(count):
        raise ValueError(f"cannot read QUEUES of {SOURCE}")
    return found
