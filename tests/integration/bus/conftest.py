from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from servers.loop_bus import LoopBus, loop_bus


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LoopBus]:
    async with loop_bus(tmp_path) as running:
        yield running
