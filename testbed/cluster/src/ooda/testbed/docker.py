"""The few questions and orders that go to the Docker engine."""

import json
from pathlib import Path
from typing import Any

from ooda.testbed.commands import run, succeeds
from ooda.testbed.errors import CommandFailed

KEY_LABEL = "dev.ooda.key"
"""On an image that was built here: the content key it was built from."""


def image_id(reference: str) -> str | None:
    """Id of a local image, or None."""
    try:
        return run("docker", "image", "inspect", "-f", "{{.Id}}", reference, deadline=20).strip()
    except CommandFailed:
        return None


def image_key(reference: str) -> str | None:
    """Return the content key of an image that was built here; None for all others."""
    template = f'{{{{index .Config.Labels "{KEY_LABEL}"}}}}'
    try:
        return (
            run("docker", "image", "inspect", "-f", template, reference, deadline=20).strip()
            or None
        )
    except CommandFailed:
        return None


def build_image(
    reference: str, context: Path, key: str, arguments: dict[str, str], log: Path
) -> None:
    """Build an image from a folder and label it with its content key. Raises CommandFailed."""
    extra = [
        part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")
    ]
    run(
        "docker", "build", "--tag", reference, "--label", f"{KEY_LABEL}={key}", *extra,
        str(context),
        env={"DOCKER_BUILDKIT": "0"},  # the builder that needs no plug-in
        deadline=900, log=log,
    )  # fmt: skip


def tag(source: str, reference: str) -> None:
    """Give an image another name. Raises CommandFailed."""
    run("docker", "tag", source, reference)


def pull(reference: str, deadline: float, log: Path | None = None) -> None:
    """Pull an image. Raises CommandFailed."""
    run("docker", "pull", reference, deadline=deadline, log=log)


def containers(label: str) -> list[dict[str, Any]]:
    """Everything Docker knows of the containers with a label, stopped ones included."""
    ids = run("docker", "ps", "--all", "--quiet", "--filter", f"label={label}", deadline=20).split()
    if not ids:
        return []
    found: list[dict[str, Any]] = json.loads(run("docker", "inspect", *ids, deadline=20))
    return found


def network(name: str) -> dict[str, Any] | None:
    """Tell what Docker knows of a network, or None."""
    try:
        found: list[dict[str, Any]] = json.loads(run("docker", "network", "inspect", name))
    except CommandFailed:
        return None
    return found[0]


def answers() -> bool:
    """Whether an engine answers."""
    return succeeds("docker", "version", "--format", "{{.Server.Version}}", deadline=10)
