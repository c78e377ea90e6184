import re
from pathlib import Path

import pytest

from ooda.testbed.pins import read_pins

ROOT = Path(__file__).parents[3]
PINS = read_pins(ROOT / "testbed/images")
PINNED = {*PINS.needed, *(name for names in PINS.node_content.values() for name in names)}
BUILT_HERE = {"ooda-shop:dev", "ooda:dev"}
NAMED = re.compile(
    r"""(?:^|[\s\[])(?:image|sandbox_image)\s*[:=]\s*"?([\w./-]+:[\w.-]+)""", re.MULTILINE
)
FILES = sorted(
    path
    for folder in ("k8s", "testbed")
    for kind in ("*.yaml", "*.toml")
    for path in (ROOT / folder).rglob(kind)
    if NAMED.search(path.read_text())
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_manifest_names_only_images_that_are_pinned(path: Path) -> None:
    named = {name.removeprefix("docker.io/library/") for name in NAMED.findall(path.read_text())}
    assert {name.removeprefix("docker.io/") for name in named} <= PINNED | BUILT_HERE


def test_the_manifests_were_found() -> None:
    assert len(FILES) > 10
