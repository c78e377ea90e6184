"""The API server as the actor reaches it."""

from collections.abc import AsyncIterator

import pytest

from ooda.common.cluster.api_server import ApiServer
from ooda.common.settings import ClusterSettings
from servers.control_plane import ControlPlane


@pytest.fixture
async def api(plane: ControlPlane) -> AsyncIterator[ApiServer]:
    async with ApiServer.connect(ClusterSettings(kubeconfig=plane.kubeconfig("actor"))) as found:
        yield found
