"""What a service is given, how often, and what becomes of what it cannot handle."""

import asyncio
import time
from collections.abc import Callable, Sequence

import pytest

from factories.events import make
from ooda.common import topology
from ooda.common.bus import fates
from ooda.common.bus.bootstrap import consumer_config
from ooda.common.bus.interface import BusUnavailableError, Delivery, PoisonError
from ooda.common.bus.nats_bus import NatsBus
from ooda.common.events import AnomalyFlagged, DeadLetter, derive_id
from ooda.common.topology import Service
from servers.loop_bus import LoopBus
from servers.waiting import until


def flagged(number: int) -> AnomalyFlagged:
    return make(AnomalyFlagged, event_id=derive_id("anomaly.flagged", number))


class Handed:
    """Remembers what it was given, and fails as often as it is told."""

    def __init__(self, *failures: Exception) -> None:
        self.deliveries: list[Delivery] = []
        self.times: list[float] = []
        self.handled: list[str] = []
        self._failures = list(failures)
        self._changed = asyncio.Condition()

    async def __call__(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        self.times.append(time.monotonic())
        async with self._changed:
            self._changed.notify_all()
        if self._failures:
            raise self._failures.pop(0)
        self.handled.append(delivery.event.event_id)

    async def given(self, number: int) -> list[Delivery]:
        async with asyncio.timeout(15), self._changed:
            await self._changed.wait_for(lambda: len(self.deliveries) >= number)
        return self.deliveries


def to(handler: Handed, consumer: topology.Consumer) -> Callable[[NatsBus], None]:
    return lambda bus: bus.consume(consumer, handler)


async def nothing_left(bus: NatsBus, consumer: str) -> bool:
    return (await bus.lags())[consumer] == {"pending": 0, "in_hand": 0}


async def dead_letters(server: LoopBus, number: int) -> list[DeadLetter]:
    """Wait until so many are in the stream."""
    async with server.client(Service.BOOTSTRAP) as (client, _), asyncio.timeout(15):
        jetstream = client.jetstream()
        while True:
            info = await jetstream.stream_info("LOOP", subjects_filter="dead.letter")
            if (info.state.subjects or {}).get("dead.letter", 0) >= number:
                break
            await asyncio.sleep(0.05)
        found = []
        for sequence in range(1, info.state.last_seq + 1):
            message = await jetstream.get_msg("LOOP", sequence)
            if message.subject == "dead.letter":
                found.append(DeadLetter.model_validate_json(message.data or b""))
        return found


async def test_an_event_is_handed_over_once_with_what_the_server_knows(server: LoopBus) -> None:
    handler = Handed()
    async with (
        server.running(Service.OBSERVER) as observer,
        server.running(Service.ACTOR, register=to(handler, topology.ACTOR)),
    ):
        await observer.publish(flagged(1))
        await observer.publish(flagged(1))
        await observer.publish(flagged(2))
        first, second = await handler.given(2)
    assert (first.event, second.event) == (flagged(1), flagged(2))
    assert (first.sequence, second.sequence) == (1, 2)
    assert (first.stream, first.subject, first.deliveries) == ("LOOP", "anomaly.flagged", 1)


async def test_a_failure_is_handed_over_again_after_the_delay(
    server: LoopBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fates, "RETRY_DELAYS", (0.7, 0.7))
    handler = Handed(RuntimeError("first"), RuntimeError("second"))
    async with (
        server.running(Service.OBSERVER) as observer,
        server.running(Service.ACTOR, register=to(handler, topology.ACTOR)),
    ):
        await observer.publish(flagged(1))
        deliveries = await handler.given(3)
    assert [each.deliveries for each in deliveries] == [1, 2, 3]
    assert all(b - a > 0.65 for a, b in zip(handler.times, handler.times[1:], strict=False))


async def test_after_the_last_try_it_is_a_dead_letter(
    server: LoopBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fates, "RETRY_DELAYS", (0.05,))
    handler = Handed(RuntimeError("first"), RuntimeError("again"))
    async with (
        server.running(Service.OBSERVER) as observer,
        server.running(Service.ACTOR, register=to(handler, topology.ACTOR)),
    ):
        await observer.publish(flagged(1))
        (letter,) = await dead_letters(server, 1)
        await observer.publish(flagged(2))
        await handler.given(3)
    assert letter.event_id == derive_id("dead.letter", "actor", "LOOP", 1)
    assert (letter.service, letter.sequence, letter.deliveries) == ("actor", 1, 2)
    assert letter.error == "RuntimeError: again"
    assert AnomalyFlagged.model_validate_json(letter.payload) == flagged(1)
    assert [each.sequence for each in handler.deliveries] == [1, 1, 3]


@pytest.mark.parametrize("failure", [PoisonError("never"), ValueError("nonsense")])
async def test_poison_is_a_dead_letter_at_once(server: LoopBus, failure: Exception) -> None:
    handler = Handed(failure)
    async with (
        server.running(Service.OBSERVER) as observer,
        server.running(Service.ACTOR, register=to(handler, topology.ACTOR)),
    ):
        await observer.publish(flagged(1))
        (letter,) = await dead_letters(server, 1)
        assert letter.deliveries == len(handler.deliveries) == 1


@pytest.mark.parametrize("body", [b"no json", b"{}", b"\xff\xfe", b""])
async def test_what_is_no_event_is_a_dead_letter_and_the_others_go_on(
    server: LoopBus, body: bytes
) -> None:
    handler = Handed()
    async with (
        server.client(Service.OBSERVER) as (raw, _),
        server.running(Service.OBSERVER) as observer,
        server.running(Service.ACTOR, register=to(handler, topology.ACTOR)),
    ):
        headers = {"content-type": "application/json"}
        await raw.jetstream().publish("anomaly.flagged", body, headers=headers)
        await observer.publish(flagged(2))
        (letter,) = await dead_letters(server, 1)
        await handler.given(1)
    assert letter.payload == body.decode(errors="replace")
    assert [each.event for each in handler.deliveries] == [flagged(2)]


async def test_what_is_away_is_waited_for_and_nothing_overtakes(
    server: LoopBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fates, "RETRY_DELAYS", ())
    monkeypatch.setattr(fates, "AWAY_PAUSES", (0.05,))
    handler = Handed(*[BusUnavailableError("away")] * 8)
    async with (
        server.running(Service.OBSERVER) as observer,
        server.running(Service.ACTOR, register=to(handler, topology.ACTOR)),
    ):
        await observer.publish(flagged(1))
        await observer.publish(flagged(2))
        deliveries = await handler.given(10)
    assert [each.sequence for each in deliveries] == [1] * 9 + [2]
    assert {each.deliveries for each in deliveries} == {1}


async def test_a_batch_is_what_there_is_and_is_acknowledged_together(server: LoopBus) -> None:
    batches: list[list[int]] = []
    came = asyncio.Event()

    async def handle(deliveries: Sequence[Delivery]) -> None:
        batches.append([each.sequence for each in deliveries])
        if sum(map(len, batches)) >= 5:
            came.set()

    def register(bus: NatsBus) -> None:
        bus.consume_batches(topology.RECORDER, handle, batch_size=3, max_wait=0.5)

    async with server.client(Service.OBSERVER) as (raw, _), asyncio.timeout(15):
        async with server.running(Service.OBSERVER) as observer:
            for number in range(3):
                await observer.publish(flagged(number))
            await raw.jetstream().publish("anomaly.flagged", b"nonsense")
            await observer.publish(flagged(4))
        async with server.running(Service.RECORDER, register=register) as recorder:
            await came.wait()  # the dead letter of the fourth is the sixth
            await until(lambda: nothing_left(recorder, "LOOP/recorder"))
    assert [each for batch in batches for each in batch] == [1, 2, 3, 5, 6]
    assert len(await dead_letters(server, 1)) == 1


async def test_one_bad_event_of_a_batch_does_not_take_the_others_along(server: LoopBus) -> None:
    stored: set[int] = set()

    async def handle(deliveries: Sequence[Delivery]) -> None:
        if any(each.sequence == 2 for each in deliveries):
            raise PoisonError("the second")
        stored.update(each.sequence for each in deliveries)

    def register(bus: NatsBus) -> None:
        bus.consume_batches(topology.RECORDER, handle, batch_size=3, max_wait=0.5)

    async with server.running(Service.OBSERVER) as observer:
        for number in range(3):
            await observer.publish(flagged(number))
    async with server.running(Service.RECORDER, register=register):
        await dead_letters(server, 1)
        await until(lambda: stored == {1, 3, 4})


async def test_a_handler_that_takes_long_is_not_interrupted_by_a_second_delivery(
    server: LoopBus,
) -> None:
    quick = topology.Consumer(Service.ACTOR, topology.LOOP, (AnomalyFlagged,), ack_wait=1.0)
    async with server.client(Service.BOOTSTRAP) as (client, _):
        await client.jetstream().add_consumer("LOOP", consumer_config(quick))
    given: list[int] = []

    async def slow(delivery: Delivery) -> None:
        given.append(delivery.deliveries)
        await asyncio.sleep(2.5)

    async with (
        server.running(Service.OBSERVER) as observer,
        server.running(Service.ACTOR, register=lambda bus: bus.consume(quick, slow)) as actor,
    ):
        await observer.publish(flagged(1))
        await until(lambda: bool(given))
        await until(lambda: nothing_left(actor, "LOOP/actor"))
    assert given == [1]


async def test_stopping_lets_the_handler_in_hand_finish(server: LoopBus) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def handle(_: Delivery) -> None:
        begun.set()
        await asyncio.sleep(0.5)
        ended.set()

    async with server.running(Service.OBSERVER) as observer:
        await observer.publish(flagged(1))
        await observer.publish(flagged(2))
    async with server.running(
        Service.ACTOR, register=lambda bus: bus.consume(topology.ACTOR, handle)
    ) as actor:
        async with asyncio.timeout(15):
            await begun.wait()
            await actor.finish()
            assert ended.is_set()

        async def one_left() -> bool:
            return (await actor.lags())["LOOP/actor"] == {"pending": 1, "in_hand": 0}

        await until(one_left)


async def test_a_dead_letter_that_cannot_be_handled_begins_no_chain(server: LoopBus) -> None:
    handled: list[str] = []

    async def handle(deliveries: Sequence[Delivery]) -> None:
        for each in deliveries:
            if isinstance(each.event, DeadLetter):
                raise PoisonError("not even this")
            handled.append(each.event.event_id)

    def register(bus: NatsBus) -> None:
        bus.consume_batches(topology.RECORDER, handle, batch_size=1, max_wait=0.5)

    async with server.client(Service.OBSERVER) as (raw, _):
        await raw.jetstream().publish("anomaly.flagged", b"nonsense")
    async with server.running(Service.RECORDER, register=register):
        await dead_letters(server, 1)
        async with server.running(Service.OBSERVER) as observer:
            await observer.publish(flagged(2))
        await until(lambda: bool(handled))
    assert len(await dead_letters(server, 1)) == 1
