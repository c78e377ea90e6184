"""Reads `testbed/images/recipes.toml`: how each image is made where no registry can be reached."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ooda.testbed.errors import Refused


class _Recipe(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Binary(_Recipe):
    """A Go program: the folder of its module under `go/`, its package, what is stamped in."""

    module: str
    package: str
    tags: tuple[str, ...] = ()
    stamp: dict[str, Literal["kubernetes"]] = Field(default_factory=dict)


class Root(_Recipe):
    """A Debian root file system."""

    variant: Literal["extract", "minbase"]
    packages: tuple[str, ...]
    remove: tuple[str, ...] = ()


class Image(_Recipe):
    """What goes into an image's build context beside the files of its folder."""

    base: str | None = None
    binaries: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()


class Recipes(_Recipe):
    """All recipes; every name that one of them uses is there."""

    binaries: dict[str, Binary]
    roots: dict[str, Root]
    images: dict[str, Image]

    @model_validator(mode="after")
    def _names_exist(self) -> "Recipes":
        for name, image in self.images.items():
            missing = [
                *(b for b in image.binaries if b not in self.binaries),
                *(r for r in image.roots if r not in self.roots),
                *(b for b in (image.base,) if b and b not in self.images),
            ]
            if missing:
                raise ValueError(f"image {name} uses what has no recipe: {', '.join(missing)}")
        list(self.in_order())
        return self

    def in_order(self) -> Iterator[str]:
        """Names of images, each after its base. Raises ValueError when bases form a circle."""
        done: set[str] = set()
        while left := [name for name in self.images if name not in done]:
            ready = [n for n in left if self.images[n].base is None or self.images[n].base in done]
            if not ready:
                raise ValueError(f"images are each other's base: {', '.join(left)}")
            done.update(ready)
            yield from ready


def read_recipes(images: Path) -> Recipes:
    """Read the recipes. Raises Refused with the file and the field when they are invalid."""
    path = images / "recipes.toml"
    try:
        return Recipes.model_validate(tomllib.loads(path.read_text()))
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"{path}: {error}") from error
