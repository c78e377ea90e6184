from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ooda.testbed.errors import Refused
from ooda.testbed.images.recipes import Recipes, read_recipes
from ooda.testbed.pins import Pins, read_pins

IMAGES = Path(__file__).parents[3] / "testbed/images"
NODE = {"node-base"}  # the node image is made of it, by a step of its own

BINARY = {"module": "tools", "package": "."}
ROOT = {"variant": "extract", "packages": ["bash"]}


@pytest.fixture(scope="module")
def recipes() -> Recipes:
    return read_recipes(IMAGES)


@pytest.fixture(scope="module")
def pins() -> Pins:
    return read_pins(IMAGES)


def model(**parts: dict[str, Any]) -> Recipes:
    return Recipes.model_validate({"binaries": {}, "roots": {}, "images": {}, **parts})


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        pytest.param({"programs": {}}, "Extra inputs", id="unknown table"),
        pytest.param(
            {"binaries": {"a": {**BINARY, "flags": ["-x"]}}}, "binaries.a.flags", id="unknown field"
        ),
        pytest.param({"binaries": {"a": {"module": "m"}}}, "binaries.a.package", id="no package"),
        pytest.param(
            {"roots": {"r": {**ROOT, "variant": "apt"}}}, "roots.r.variant", id="unknown variant"
        ),
        pytest.param(
            {"binaries": {"a": {**BINARY, "stamp": {"x/version": "etcd"}}}},
            "binaries.a.stamp",
            id="unknown stamp",
        ),
        pytest.param(
            {"images": {"i": {"binaries": ["absent"]}}}, "no recipe: absent", id="missing binary"
        ),
        pytest.param(
            {"images": {"i": {"roots": ["absent"]}}}, "no recipe: absent", id="missing root"
        ),
        pytest.param({"images": {"i": {"base": "absent"}}}, "no recipe: absent", id="missing base"),
        pytest.param(
            {"images": {"a": {"base": "b"}, "b": {"base": "a"}, "c": {}}},
            "each other's base: a, b",
            id="circle",
        ),
        pytest.param({"images": {"a": {"base": "a"}}}, "each other's base: a", id="own base"),
    ],
)
def test_an_invalid_recipe_is_refused(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        model(**parts)


def test_every_image_comes_after_its_base() -> None:
    chain = {"c": {"base": "b"}, "b": {"base": "a"}, "a": {}, "x": {}}
    assert list(model(images=chain).in_order()) == ["a", "x", "b", "c"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[images", "recipes.toml", id="no TOML"),
        pytest.param("[binaries]\n[roots]\n", "images", id="a table is missing"),
    ],
)
def test_the_file_is_named_when_it_cannot_be_read(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "recipes.toml").write_text(text)
    with pytest.raises(Refused, match=said) as refused:
        read_recipes(tmp_path)
    assert str(tmp_path / "recipes.toml") in str(refused.value)


def test_every_recipe_has_its_sources(recipes: Recipes) -> None:
    for name in recipes.images:
        assert (IMAGES / name / "Dockerfile").is_file(), name
    for name, binary in recipes.binaries.items():
        assert (IMAGES / "go" / binary.module / "go.mod").is_file(), name


def test_every_image_folder_has_a_recipe(recipes: Recipes) -> None:
    folders = {path.parent.name for path in IMAGES.glob("*/Dockerfile")}
    assert folders == {*recipes.images, "node"}


def test_every_pin_has_a_recipe(recipes: Recipes, pins: Pins) -> None:
    assert {*pins.workloads, *pins.bases, *pins.node_content} <= set(recipes.images)


def test_every_image_is_pinned_or_a_base_of_one_that_is(recipes: Recipes, pins: Pins) -> None:
    pinned = {*pins.workloads, *pins.bases, *pins.node_content, *NODE}
    bases = {image.base for image in recipes.images.values()}
    assert set(recipes.images) <= pinned | bases


def test_every_binary_and_root_is_used(recipes: Recipes) -> None:
    images = recipes.images.values()
    assert {root for image in images for root in image.roots} == set(recipes.roots)
    built_for_the_host = {"kind", "docker-compose"}
    assert {binary for image in images for binary in image.binaries} == (
        set(recipes.binaries) - built_for_the_host
    )
