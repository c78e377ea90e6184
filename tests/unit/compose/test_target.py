"""Which cluster, at which address; which Compose; what in the cluster is compose's own."""

from pathlib import Path
from typing import Any

import pytest

from ooda.testbed.compose.program import is_recent
from ooda.testbed.compose.rights import LABEL, marked
from ooda.testbed.compose.target import elsewhere, server_for_containers
from ooda.testbed.errors import Refused
from ooda.testbed.layout import COMPOSE_PROJECT, Layout

Object = dict[str, Any]


@pytest.mark.parametrize(
    "server",
    [
        pytest.param("https://127.0.0.1:6443", id="loopback"),
        pytest.param("https://[::1]:6443", id="loopback of IPv6"),
        pytest.param("https://localhost:6443", id="by name"),
        pytest.param("https://0.0.0.0:6443", id="any address"),
    ],
)
def test_an_address_of_this_machine_alone_is_refused(server: str) -> None:
    with pytest.raises(Refused, match="OODA_API_SERVER="):
        server_for_containers(server, {})
    named = {"OODA_API_SERVER": "https://kind-control-plane:6443"}
    assert server_for_containers(server, named) == "https://kind-control-plane:6443"


@pytest.mark.parametrize(
    "server",
    ["https://api.example.org", "https://10.0.0.1:6443/k8s/clusters/c-1", "https://[fd::1]"],
)
def test_any_other_address_is_taken_as_it_is(server: str) -> None:
    assert server_for_containers(server, {}) == server


def test_a_kubeconfig_that_is_not_there_is_refused(tmp_path: Path) -> None:
    places = Layout(tmp_path, tmp_path, tmp_path)
    with pytest.raises(Refused, match="no such file"):
        elsewhere(str(tmp_path / "absent"), places, {})


@pytest.mark.parametrize(
    ("version", "recent"),
    [("2.40.3", True), ("v2.24.0\n", True), ("5.0.1", True), ("2.23.9", False), ("1.29.2", False),
     ("", False), ("dev", False)],
)  # fmt: skip
def test_a_compose_that_is_too_old_or_unknown_is_not_used(version: str, *, recent: bool) -> None:
    assert is_recent(version) is recent


def made(kind: str, name: str, **labels: str) -> Object:
    return {"kind": kind, "metadata": {"name": name, "namespace": "n", "labels": labels}}


OURS = {LABEL: COMPOSE_PROJECT}


def test_what_was_not_there_is_compose_s_own() -> None:
    objects = [made("Namespace", "n", a="b"), made("Role", "r")]
    assert marked(objects, []) == [
        made("Namespace", "n", a="b", **OURS),
        made("Role", "r", **OURS),
    ]


def test_what_was_there_before_stays_another_s_and_its_namespace_is_left_alone() -> None:
    objects = [made("Namespace", "n"), made("Role", "r"), made("Role", "s")]
    present = [made("Namespace", "n", x="y"), made("Role", "r")]
    assert marked(objects, present) == [made("Role", "r"), made("Role", "s", **OURS)]


def test_what_compose_made_is_its_own_the_next_time_too() -> None:
    objects = [made("Namespace", "n"), made("Role", "r")]
    first = marked(objects, [])
    assert marked(objects, first) == first
