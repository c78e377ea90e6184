"""Docker Compose: the user's own where it is installed, else built from its Go module."""

import re

from ooda.testbed.commands import run
from ooda.testbed.errors import CommandFailed
from ooda.testbed.images.laboratory import Laboratory
from ooda.testbed.layout import Layout

OLDEST = (2, 24)
"""Its `up --wait` knows containers that end; whether a network is there can be a variable."""


def ensure_compose(lab: Laboratory, layout: Layout) -> tuple[str, ...]:
    """Have Docker Compose; return how to call it. Raises TestbedError."""
    try:
        said = run("docker", "compose", "version", "--short", deadline=20)
    except CommandFailed:
        said = ""
    if is_recent(said):
        return ("docker", "compose")
    target = layout.binaries / "docker-compose"
    run("install", "-m", "755", str(lab.program("docker-compose")), str(target))
    return (str(target),)


def is_recent(version: str) -> bool:
    """Whether a version of Compose will do: v2.24 or newer."""
    found = re.match(r"v?(\d+)\.(\d+)", version.strip())
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST
