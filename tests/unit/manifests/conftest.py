from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from servers.kubectl import kustomize

ROOT = Path(__file__).parents[3]
Objects = list[dict[str, Any]]


def rendered(folder: str) -> Objects:
    return kustomize(ROOT / folder)


@pytest.fixture(scope="session")
def platform() -> Objects:
    return rendered("k8s/overlays/kind/platform")


@pytest.fixture(scope="session")
def agent() -> Objects:
    return rendered("k8s/overlays/kind/agent")


@pytest.fixture(scope="session")
def monitoring() -> Objects:
    return rendered("testbed/monitoring")


@pytest.fixture(scope="session")
def injector() -> Objects:
    return rendered("k8s/overlays/kind/injector")


@pytest.fixture(scope="session")
def everything(
    platform: Objects, agent: Objects, monitoring: Objects, injector: Objects
) -> Objects:
    return platform + agent + monitoring + injector


@pytest.fixture(scope="session")
def only() -> Callable[[Objects, str, str], dict[str, Any]]:
    def pick(objects: Objects, kind: str, name: str) -> dict[str, Any]:
        found = [
            each
            for each in objects
            if each["kind"] == kind and each["metadata"]["name"].startswith(name)
        ]
        assert len(found) == 1, f"{len(found)} of {kind} {name}"
        return found[0]

    return pick
