from pathlib import Path

import pytest

from ooda.testbed.cluster.nodes import full_name
from ooda.testbed.errors import Refused
from ooda.testbed.pins import in_registry, read_pins

IMAGES = Path(__file__).parents[3] / "testbed/images"

VALID = """
kubernetes = "v1.36.3"
node = "kindest/node:v1.36.3"
[workloads]
redis = "redis:7"
[bases]
python = "python:3.11-slim"
[node-content]
pause = ["registry.k8s.io/pause:3.10"]
"""


def test_all_that_a_cluster_needs_is_named(tmp_path: Path) -> None:
    (tmp_path / "pins.toml").write_text(VALID)
    assert read_pins(tmp_path).needed == ("kindest/node:v1.36.3", "redis:7", "python:3.11-slim")


@pytest.mark.parametrize(
    ("valid", "invalid", "said"),
    [
        pytest.param('"v1.36.3"\nnode', '"1.36.3"\nnode', "kubernetes", id="version without v"),
        pytest.param('"v1.36.3"\nnode', '"v1.36"\nnode', "kubernetes", id="version of two parts"),
        pytest.param("[bases]", "[basis]", "basis", id="unknown table"),
        pytest.param('redis = "redis:7"', "redis = 7", "workloads.redis", id="no text"),
        pytest.param("[bases]", "[bases", "line", id="no TOML"),
        pytest.param('node = "kindest/node:v1.36.3"', "", "node", id="no node image"),
    ],
)
def test_invalid_pins_are_refused(tmp_path: Path, valid: str, invalid: str, said: str) -> None:
    assert valid in VALID
    (tmp_path / "pins.toml").write_text(VALID.replace(valid, invalid, 1))
    with pytest.raises(Refused, match=said) as refused:
        read_pins(tmp_path)
    assert str(tmp_path / "pins.toml") in str(refused.value)


def test_node_image_and_its_content_are_of_the_pinned_kubernetes() -> None:
    pins = read_pins(IMAGES)
    assert pins.node.endswith(f":{pins.kubernetes}")
    parts = [name for name in pins.node_content["core"] if "/kube-" in name]
    assert len(parts) == 4
    assert all(name.endswith(f":{pins.kubernetes}") for name in parts)


@pytest.mark.parametrize(
    ("reference", "mirror", "origin"),
    [
        pytest.param("redis:7", None, "redis:7", id="no mirror"),
        pytest.param("redis:7", "m:5000", "m:5000/library/redis:7", id="short name"),
        pytest.param("kindest/node:v1", "m:5000", "m:5000/kindest/node:v1", id="two parts"),
        pytest.param(
            "registry.k8s.io/pause:3.10", "m:5000", "m:5000/pause:3.10", id="name of a registry"
        ),
        pytest.param(
            "registry.k8s.io/coredns/coredns:v1", "m:5000", "m:5000/coredns/coredns:v1", id="longer"
        ),
        pytest.param("host:5000/a:1", "m:5000", "m:5000/a:1", id="registry with a port"),
        pytest.param("localhost/a:1", "m:5000", "m:5000/a:1", id="localhost is a registry"),
        pytest.param("redis:7", "m:5000/proxy", "m:5000/proxy/library/redis:7", id="mirror path"),
    ],
)
def test_in_registry(reference: str, mirror: str | None, origin: str) -> None:
    assert in_registry(reference, mirror) == origin


@pytest.mark.parametrize(
    ("reference", "full"),
    [
        pytest.param("redis:7", "docker.io/library/redis:7", id="short name"),
        pytest.param("kindest/node:v1", "docker.io/kindest/node:v1", id="two parts"),
        pytest.param("registry.k8s.io/pause:3", "registry.k8s.io/pause:3", id="registry"),
        pytest.param("host:5000/a:1", "host:5000/a:1", id="registry with a port"),
        pytest.param("localhost/a:1", "localhost/a:1", id="localhost is a registry"),
    ],
)
def test_full_name(reference: str, full: str) -> None:
    assert full_name(reference) == full
