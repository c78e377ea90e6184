"""Where images come from: a registry that can be reached, or this machine's own build.

This is the only difference between the two kinds of laboratory: afterwards the same references
are in Docker, and nothing else asks where they came from.
"""

import os
import shutil
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from ooda.testbed import docker
from ooda.testbed.commands import run
from ooda.testbed.engine import install_build_packages
from ooda.testbed.errors import CommandFailed, Refused
from ooda.testbed.images.laboratory import Laboratory
from ooda.testbed.pins import Pins, in_registry
from ooda.testbed.progress import Steps

_PROBE_DEADLINE = 8.0  # seconds: a registry that is slower than this is no help
_PULL_DEADLINE = 900.0


class Source(StrEnum):
    """How images come to Docker."""

    REGISTRY = "registry"
    BUILD = "build"


def choose(pins: Pins) -> tuple[Source, str]:
    """Choose the source, and say why. OODA_IMAGES forces one; OODA_REGISTRY names a mirror.

    Raises Refused when OODA_IMAGES is neither `registry` nor `build` nor `auto`.
    """
    forced = os.environ.get("OODA_IMAGES") or "auto"
    if forced in list(Source):
        return Source(forced), "OODA_IMAGES says so"
    if forced != "auto":
        raise Refused(f"OODA_IMAGES={forced}: it must be registry, build or auto.")
    mirror = os.environ.get("OODA_REGISTRY")
    if mirror:
        return Source.REGISTRY, f"OODA_REGISTRY names {mirror}"
    if docker.image_key(pins.node):
        return Source.BUILD, "the node image here was built here"
    if all(docker.image_id(reference) for reference in pins.needed):
        return Source.REGISTRY, "all pinned images were pulled before"
    reached, said = reach_registry(pins)
    return (Source.REGISTRY if reached else Source.BUILD), said


def reach_registry(pins: Pins) -> tuple[bool, str]:
    """Whether a registry can be reached, and what was seen; takes a few seconds at most."""
    node = in_registry(pins.node, os.environ.get("OODA_REGISTRY"))
    try:
        # Asked by its digest list only: a pull would replace an image that was built here.
        run("docker", "manifest", "inspect", "--insecure", node, deadline=_PROBE_DEADLINE)
    except CommandFailed as failure:
        why = failure.output.strip().splitlines() or ["no answer in time"]
        return False, f"no registry can be reached ({why[-1][-100:]})"
    return True, f"the registry of {node} answers"


def ensure_images(source: Source, references: Sequence[str], lab: Laboratory, steps: Steps) -> None:
    """Have pinned images in Docker; where images are built, all of them. Raises TestbedError."""
    if source is Source.BUILD:
        install_build_packages(steps)
        lab.ensure()
        return
    mirror = os.environ.get("OODA_REGISTRY")
    for reference in references:
        origin = in_registry(reference, mirror)
        if _is_from(origin, reference):
            continue
        with steps.step(f"pulling {reference}", "pull") as log:
            docker.pull(origin, deadline=_PULL_DEADLINE, log=log)
            if origin != reference:
                docker.tag(origin, reference)


def _is_from(origin: str, reference: str) -> bool:
    """Whether Docker has an image, and from there: not built here, not from elsewhere."""
    held = docker.image_id(reference)
    if origin != reference:
        return held is not None and held == docker.image_id(origin)
    return held is not None and docker.image_key(reference) is None


def ensure_kind(lab: Laboratory, source: Source, binaries: Path) -> Path:
    """Have the kind program: the user's own where images are pulled, else built here.

    Raises Refused, CommandFailed.
    """
    if source is Source.REGISTRY and shutil.which("kind"):
        return find_kind(Path())
    target = binaries / "kind"
    run("install", "-m", "755", str(lab.program("kind")), str(target))
    return target


def find_kind(binaries: Path) -> Path:
    """Where kind is, if anywhere: built here before, or on the PATH."""
    built = binaries / "kind"
    return built if built.is_file() else Path(shutil.which("kind") or built)
