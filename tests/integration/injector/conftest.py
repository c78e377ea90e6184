"""A cluster of no nodes whose pods become what their spec deserves, and a namespace to break."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from servers.breakable import Breakable, something_to_break
from servers.control_plane import ControlPlane
from servers.paper_kubelet import NODE, paper_kubelet
from servers.sandboxes import Yard, unable


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kubelet(plane: ControlPlane) -> AsyncIterator[None]:
    async with paper_kubelet(plane.url, plane.admin_token, plane.trust, plane.serving):
        yield
    plane.kubectl("delete", "node", NODE, "--ignore-not-found")


@pytest_asyncio.fixture(loop_scope="module")
async def breakable(plane: ControlPlane, kubelet: None) -> AsyncIterator[Breakable]:  # noqa: ARG001 - pods are run by it
    """Something to break that need not be given back."""
    async with something_to_break(plane) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kept(plane: ControlPlane, kubelet: None) -> AsyncIterator[Breakable]:  # noqa: ARG001 - pods are run by it
    """Something to break that each test of a module gives back as it was."""
    async with something_to_break(plane) as made:
        yield made


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    """Network namespaces on a bridge, for what is a pod on paper only."""
    if reason := unable():
        pytest.skip(reason)
    with Yard.made() as made:
        yield made
