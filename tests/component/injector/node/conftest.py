from collections.abc import Iterator

import pytest

from servers.sandboxes import Yard, unable


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    """Give a node with three pods, in network namespaces of their own."""
    if reason := unable():
        pytest.skip(reason)
    with Yard.made() as made:
        yield made
