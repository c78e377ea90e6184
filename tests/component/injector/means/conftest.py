from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.pods import Pod, unable


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    """Give a pod with its sandbox and no container yet."""
    if reason := unable():
        pytest.skip(reason)
    with Pod.made(tmp_path) as made:
        yield made
