"""Reads `testbed/images/pins.toml`: the one place where versions of images are pinned."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ooda.testbed.errors import Refused


class Pins(BaseModel):
    """Image references by what they are for."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    kubernetes: str = Field(pattern=r"^v1\.\d+\.\d+$")
    node: str
    workloads: dict[str, str]
    bases: dict[str, str]
    node_content: dict[str, tuple[str, ...]] = Field(alias="node-content")

    @property
    def needed(self) -> tuple[str, ...]:
        """Every image that must be in Docker before a cluster is made."""
        return (self.node, *self.workloads.values(), *self.bases.values())


def read_pins(images: Path) -> Pins:
    """Read the pins. Raises Refused with the file and the field when they are invalid."""
    path = images / "pins.toml"
    try:
        return Pins.model_validate(tomllib.loads(path.read_text()))
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"{path}: {error}") from error


def in_registry(reference: str, mirror: str | None) -> str:
    """Where to pull a reference from: itself, or the same path in a mirror.

    A mirror keeps the path without the registry's name; Docker's short names belong to `library/`.
    """
    if mirror is None:
        return reference
    first, _, rest = reference.partition("/")
    if not rest:
        return f"{mirror}/library/{reference}"
    return f"{mirror}/{rest if names_registry(first) else reference}"


def names_registry(first: str) -> bool:
    """Whether the first part of a reference is a registry, by Docker's rule."""
    return "." in first or ":" in first or first == "localhost"
