"""A bus in memory and one on a real server keep the same promises about publishing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from factories.events import make
from ooda.common.bus.asking import MAX_BODY
from ooda.common.bus.interface import Publisher
from ooda.common.events import AnomalyFlagged, FaultArmed
from ooda.common.testing.bus import MemoryBus
from ooda.common.topology import Service
from servers.loop_bus import LoopBus, loop_bus


@pytest.fixture(params=["memory", "server"])
async def bus(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[Publisher, LoopBus | None]]:
    if request.param == "memory":
        yield MemoryBus(), None
        return
    async with loop_bus(tmp_path) as server, server.running(Service.OBSERVER) as running:
        yield running, server


async def stored(bus: tuple[Publisher, LoopBus | None]) -> list[str]:
    publisher, server = bus
    if isinstance(publisher, MemoryBus):
        return [each.event_id for each in publisher.published]
    assert server is not None
    found = []
    async with server.client(Service.BOOTSTRAP) as (client, _):
        jetstream = client.jetstream()
        info = await jetstream.stream_info("LOOP")
        for sequence in range(1, info.state.last_seq + 1):
            message = await jetstream.get_msg("LOOP", sequence)
            found.append(AnomalyFlagged.model_validate_json(message.data or b"").event_id)
    return found


async def test_an_event_is_stored_in_order(bus: tuple[Publisher, LoopBus | None]) -> None:
    for name in ("a", "b"):
        await bus[0].publish(make(AnomalyFlagged, event_id=name))
    assert await stored(bus) == ["a", "b"]


async def test_the_same_id_is_stored_once(bus: tuple[Publisher, LoopBus | None]) -> None:
    for _ in range(2):
        await bus[0].publish(make(AnomalyFlagged, event_id="a"))
    assert await stored(bus) == ["a"]


async def test_what_the_account_has_no_stream_for_is_a_mistake(
    bus: tuple[Publisher, LoopBus | None],
) -> None:
    with pytest.raises(ValueError, match="has no stream"):
        await bus[0].publish(make(FaultArmed))
    assert await stored(bus) == []


async def test_an_event_that_no_message_holds_is_a_mistake(
    bus: tuple[Publisher, LoopBus | None],
) -> None:
    with pytest.raises(ValueError, match=r"anomaly.flagged: \d{7} bytes"):
        await bus[0].publish(make(AnomalyFlagged, pod="x" * MAX_BODY))
    assert await stored(bus) == []
