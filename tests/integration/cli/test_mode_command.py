"""`ooda mode` on a real API server, as whoever the kubeconfig says."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from servers.command_line import Ooda
from servers.control_plane import ControlPlane

NAMESPACE = "shop-of-modes"


@pytest.fixture(scope="module", autouse=True)
def shop(plane: ControlPlane) -> Iterator[None]:
    plane.kubectl("create", "namespace", NAMESPACE)
    yield
    plane.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture
def operator(ooda: Ooda, plane: ControlPlane) -> Ooda:
    ooda.environment["OODA_CLUSTER__KUBECONFIG"] = str(plane.kubeconfig("operator"))
    return ooda


def label(plane: ControlPlane, namespace: str) -> Any:
    found = json.loads(plane.kubectl("get", "namespace", namespace, "-o", "json"))
    return found["metadata"].get("labels", {}).get("ooda.dev/mode")


def test_is_shown_and_set(operator: Ooda, plane: ControlPlane) -> None:
    shown = json.loads(operator("mode", NAMESPACE, "-o", "json").stdout)
    assert shown == [{"namespace": NAMESPACE, "mode": "propose", "label": None}]
    for wanted in ("auto", "observe", "propose"):
        done = operator("mode", NAMESPACE, wanted)
        assert (done.returncode, done.stderr) == (0, "")
        assert wanted in done.stdout
        assert label(plane, NAMESPACE) == wanted
    assert "never acted in" in operator("mode").stdout


def test_what_cannot_be_set(operator: Ooda, plane: ControlPlane) -> None:
    done = operator("mode", "kube-system", "auto")
    assert (done.returncode, "never acted in" in done.stderr) == (2, True)
    assert label(plane, "kube-system") is None
    assert operator("mode", NAMESPACE, "everything").returncode == 2
    gone = operator("mode", "no-such-place", "auto")
    assert (gone.returncode, gone.stderr) == (1, "Error: There is no namespace no-such-place.\n")


def test_it_is_set_as_the_person_and_nobody_else(ooda: Ooda, plane: ControlPlane) -> None:
    before = label(plane, NAMESPACE)
    plane.kubectl("create", "serviceaccount", "reader-of-modes")
    token = plane.kubectl("create", "token", "reader-of-modes").strip()
    config = plane.kubeconfig("reader-of-modes", token)
    ooda.environment["OODA_CLUSTER__KUBECONFIG"] = str(config)
    done = ooda("mode", NAMESPACE, "auto")
    assert (done.returncode, done.stdout) == (3, "")
    assert label(plane, NAMESPACE) == before
