"""What a real API server refuses, and that it is told from what may succeed later."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import Refused
from ooda.common.cluster.kinds import Kind
from ooda.common.settings import ClusterSettings
from servers.control_plane import ControlPlane

KNOWN = {"healthyAt": "2026-01-01T00:00:00Z"}


@pytest.fixture
async def api(plane: ControlPlane) -> AsyncIterator[ApiServer]:
    async with ApiServer.connect(ClusterSettings(kubeconfig=plane.kubeconfig("refusals"))) as api:
        yield api


@pytest.fixture(scope="session")
def nobody(plane: ControlPlane) -> str:
    """Return a token that is known and has no rights."""
    plane.kubectl("create", "serviceaccount", "nobody")
    return plane.kubectl("create", "token", "nobody").strip()


async def test_what_one_has_no_right_to_is_refused(plane: ControlPlane, nobody: str) -> None:
    path = plane.kubeconfig("nobody", token=nobody)
    body = {"metadata": {"name": "x", "namespace": "default"}}
    async with ApiServer.connect(ClusterSettings(kubeconfig=path)) as api:
        with pytest.raises(Refused, match="403"):
            await api.get(Kind.POD, "default", "x")
        with pytest.raises(Refused, match="403"):
            await api.list(Kind.POD, "default")
        with pytest.raises(Refused, match="403"):
            await api.create(Kind.CONFIG_MAP, body)
        with pytest.raises(Refused, match="403"):
            await api.patch(Kind.CONFIG_MAP, "default", "x", [])
        with pytest.raises(Refused, match="403"):
            await api.delete(Kind.POD, "default", "x", uid="1")
        with pytest.raises(Refused, match="403"):
            await anext(aiter(api.watch(Kind.POD)))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param(Kind.CONFIG_MAP, {"metadata": {"name": "Not_A_Name"}}, id="name"),
        pytest.param(Kind.POD, {"metadata": {"name": "p"}, "spec": {"containers": []}}, id="pod"),
        pytest.param(
            Kind.KNOWN_GOOD,
            {
                "metadata": {"name": "k"},
                "spec": {"workloads": {"Deployment/a": KNOWN | {"replicas": -1}}},
            },
            id="known-good",
        ),
        pytest.param(
            Kind.KNOWN_GOOD,
            {"metadata": {"name": "k"}, "spec": {"services": {"a": [{}, {}, {}, {}]}}},
            id="too-many-versions",
        ),
    ],
)
async def test_what_is_not_valid_is_refused(
    api: ApiServer, kind: Kind, body: dict[str, Any]
) -> None:
    head = {"apiVersion": kind.api_version, "kind": kind.value}
    body = {**body, "metadata": {**body["metadata"], "namespace": "default"}}
    with pytest.raises(Refused, match="422"):
        await api.create(kind, head | body)
