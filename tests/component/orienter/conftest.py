from collections.abc import AsyncIterator

import pytest

from factories.events import NOW
from factories.orienter import Cluster, Orienter, living
from ooda.common.testing import FixedClock, MemoryBus


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def orienter(bus: MemoryBus, cluster: Cluster, clock: FixedClock) -> AsyncIterator[Orienter]:
    async with living(bus, cluster, clock) as running:
        yield running
