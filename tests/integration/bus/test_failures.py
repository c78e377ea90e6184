"""What fails without a word in NATS or its clients, and must not here."""

import asyncio
import datetime as dt

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel
from structlog.testing import capture_logs

from factories.events import ANOMALY_ID, INCIDENT_ID, make
from ooda.common import topology
from ooda.common.bus import asking, nats_bucket, nats_bus
from ooda.common.bus.bootstrap import bootstrap, bucket_config, consumer_config
from ooda.common.bus.interface import BusUnavailableError, Delivery
from ooda.common.bus.nats_bus import ConsumerLostError, NatsBus
from ooda.common.events import AnomalyFlagged, DiagnosisReady, DiagnosisStarted, Event, derive_id
from ooda.common.reach import UnreachableError
from ooda.common.settings import NatsSettings
from ooda.common.topology import Service
from servers.loop_bus import LoopBus
from servers.processes import free_port
from servers.waiting import until


class Note(BaseModel):
    text: str


def flagged(number: int) -> AnomalyFlagged:
    return make(AnomalyFlagged, event_id=derive_id("anomaly.flagged", number))


async def say(bus: NatsBus, event: Event) -> None:
    """Publish, again and again while the server is away, as a supervised task does."""
    while True:
        try:
            await bus.publish(event)
        except BusUnavailableError:
            continue
        return


async def test_a_killed_server_loses_nothing_and_stores_nothing_twice(server: LoopBus) -> None:
    given: list[str] = []

    async def handle(delivery: Delivery) -> None:
        given.append(delivery.event.event_id)

    expected = [flagged(number) for number in range(60)]
    async with (
        server.running(Service.OBSERVER) as observer,
        server.running(
            Service.ACTOR, register=lambda bus: bus.consume(topology.ACTOR, handle)
        ) as actor,
    ):

        async def publish_all() -> None:
            for event in expected:
                await say(observer, event)
                await asyncio.sleep(0.02)

        publishing = asyncio.create_task(publish_all())
        await until(lambda: len(given) >= 10)
        server.kill()
        await until(lambda: not observer.connected)
        server.start()
        async with asyncio.timeout(30):
            await publishing
        await until(lambda: {each.event_id for each in expected} <= set(given), 30)
        assert observer.connected
        assert actor.connected
    async with server.client(Service.BOOTSTRAP) as (client, _):
        assert (await client.jetstream().stream_info("LOOP")).state.messages == len(expected)


async def test_without_a_server_publishing_says_so_in_bounded_time(server: LoopBus) -> None:
    async with server.running(Service.OBSERVER) as observer:
        server.kill()
        await until(lambda: not observer.connected)
        async with asyncio.timeout(20):
            with pytest.raises(BusUnavailableError):
                await observer.publish(flagged(1))


async def test_a_refused_publish_fails_and_is_logged_with_its_subject(server: LoopBus) -> None:
    async with server.running(Service.OBSERVER) as observer:
        with capture_logs() as logs, pytest.raises(BusUnavailableError):
            await observer.publish(make(DiagnosisReady))
    assert any("diagnosis.ready" in each.get("error", "") for each in logs)


async def test_it_waits_for_a_server_that_is_away_at_the_start(server: LoopBus) -> None:
    server.stop()
    bus = server.bus(Service.OBSERVER)
    connecting = asyncio.create_task(bus.connect())
    await asyncio.sleep(2.5)
    assert not connecting.done()
    server.start()
    async with asyncio.timeout(15):
        await connecting
    await bus.publish(flagged(1))
    await bus.close()


@pytest.mark.parametrize("lost", ["consumer", "stream"])
async def test_a_lost_consumer_is_noticed(
    server: LoopBus, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_bus, "WATCH_SECONDS", 0.2)

    async def handle(_: Delivery) -> None:
        pass

    async with server.running(
        Service.ACTOR, register=lambda bus: bus.consume(topology.ACTOR, handle)
    ) as actor:
        watching = asyncio.create_task(actor.watch())
        async with server.client(Service.BOOTSTRAP) as (client, _):
            jetstream = client.jetstream()
            if lost == "consumer":
                await jetstream.delete_consumer("LOOP", "actor")
            else:
                await jetstream.delete_stream("LOOP")
        async with asyncio.timeout(15):
            with pytest.raises(ConsumerLostError, match="consumer actor of stream LOOP"):
                await watching


async def test_a_consumer_that_was_never_declared_stops_the_start(server: LoopBus) -> None:
    async def handle(_: Delivery) -> None:
        pass

    async with server.client(Service.BOOTSTRAP) as (client, _):
        await client.jetstream().delete_consumer("LOOP", "actor")
    bus = server.bus(Service.ACTOR)
    await bus.connect()
    bus.consume(topology.ACTOR, handle)
    with pytest.raises(ConsumerLostError):
        await bus.start()
    await bus.close()


async def test_declaring_again_changes_what_differs_and_nothing_else(server: LoopBus) -> None:
    async with server.client(Service.BOOTSTRAP) as (client, _):
        jetstream = client.jetstream()
        drifted = consumer_config(topology.ACTOR)
        drifted.ack_wait, drifted.max_deliver = 7.0, 3
        drifted.filter_subjects = ["anomaly.flagged"]
        await jetstream.add_consumer("LOOP", drifted)
        config = (await jetstream.stream_info("KV_actions")).config
        config.max_bytes, config.allow_rollup_hdrs = 1024 * 1024, True
        await jetstream.update_stream(config)
        await jetstream.publish("incident.closed", b"{}")

        await server.declare()
        await server.declare()

        info = (await jetstream.consumer_info("LOOP", "actor")).config
        assert (info.ack_wait, info.max_deliver) == (topology.ORIENTER.ack_wait, -1)
        assert info.filter_subjects == list(topology.ACTOR.subjects)
        bucket = (await jetstream.stream_info("KV_actions")).config
        assert (bucket.max_bytes, bucket.allow_rollup_hdrs) == (topology.ACTIONS.max_bytes, False)
        assert (await jetstream.stream_info("LOOP")).state.messages == 1


async def test_a_stream_is_what_the_topology_says(server: LoopBus) -> None:
    async with server.client(Service.BOOTSTRAP) as (client, _):
        telemetry = (await client.jetstream().stream_info("TELEMETRY")).config
    assert telemetry.max_age == topology.TELEMETRY.max_age
    assert telemetry.max_bytes == topology.TELEMETRY.max_bytes
    assert telemetry.allow_direct


async def test_the_bootstrap_says_that_the_server_is_away() -> None:
    settings = NatsSettings.model_validate({"url": f"nats://127.0.0.1:{free_port()}"})
    with pytest.raises(UnreachableError, match="does not let bootstrap in"):
        await bootstrap(settings, deadline=0.1)


async def test_a_consumer_of_new_events_does_not_begin_with_the_old(server: LoopBus) -> None:
    async with server.client(Service.BOOTSTRAP) as (client, _):
        info = await client.jetstream().consumer_info("TELEMETRY", "actor")
    assert info.config.deliver_policy == "new"


async def test_answers_come_to_an_inbox_of_our_own(server: LoopBus) -> None:
    """Without the prefix on the subscriber it would start and silently receive nothing."""
    given = asyncio.Event()

    async def handle(_: Delivery) -> None:
        given.set()

    async with (
        server.running(Service.OBSERVER) as observer,
        server.running(Service.DECIDER, register=lambda bus: bus.consume(topology.DECIDER, handle)),
    ):
        with capture_logs() as logs:
            await observer.publish(flagged(1))
            async with asyncio.timeout(10):
                await given.wait()
    assert [each for each in logs if each["log_level"] == "error"] == []


async def test_the_events_of_an_incident_are_one_trace(server: LoopBus) -> None:
    spans = InMemorySpanExporter()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    decided = asyncio.Event()
    headers: dict[str, str] = {}

    async def handle(delivery: Delivery) -> None:
        headers.update(delivery.headers)
        decided.set()

    decider = server.bus(Service.DECIDER, tracers=tracers)
    await decider.connect()
    decider.consume(topology.DECIDER, handle)
    await decider.start()
    orienter = server.bus(Service.ORIENTER, tracers=tracers)
    await orienter.connect()
    await orienter.publish(make(DiagnosisStarted))
    async with asyncio.timeout(10):
        await decided.wait()
    await decider.close()
    await orienter.close()

    incident = INCIDENT_ID.replace("-", "")
    assert headers["traceparent"].split("-")[1] == incident
    finished = spans.get_finished_spans()
    assert {f"{each.context.trace_id:032x}" for each in finished} == {incident}
    links = [f"{link.context.trace_id:032x}" for each in finished for link in each.links]
    assert ANOMALY_ID.replace("-", "") in links


async def test_stored_at_is_the_servers_clock(server: LoopBus) -> None:
    given: list[Delivery] = []

    async def handle(delivery: Delivery) -> None:
        given.append(delivery)

    before = dt.datetime.now(dt.UTC)
    async with (
        server.running(Service.OBSERVER) as observer,
        server.running(Service.ACTOR, register=lambda bus: bus.consume(topology.ACTOR, handle)),
    ):
        await observer.publish(flagged(1))
        await until(lambda: bool(given))
    assert before - dt.timedelta(seconds=1) < given[0].stored_at < dt.datetime.now(dt.UTC)


async def test_what_is_too_big_for_this_server_is_a_mistake_and_not_tried_for_ever(
    server: LoopBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "MAX_BODY", 1 << 30)
    async with server.running(Service.OBSERVER) as observer:
        with pytest.raises(ValueError, match=r"anomaly.flagged: \d{7} bytes"):
            await observer.publish(make(AnomalyFlagged, pod="x" * (1 << 20)))


async def test_the_marker_of_a_deleted_record_goes_away_and_records_stay(
    server: LoopBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_bucket, "MARKER_SECONDS", 1)
    async with server.running(Service.ACTOR) as bus:
        bucket = bus.bucket(topology.ACTIONS, Note)
        await bucket.put("kept", Note(text="1"), None)
        await bucket.put("gone", Note(text="2"), None)
        await bucket.delete("gone")
        assert await bucket.get("gone") is None
        for _ in range(150):
            if list(await bucket.keys()) == ["kept"]:
                break
            await asyncio.sleep(0.1)
        assert list(await bucket.keys()) == ["kept"]
        await bucket.put("gone", Note(text="again"), None)


async def test_a_bucket_of_before_is_given_what_it_lacks(server: LoopBus) -> None:
    async with server.client(Service.BOOTSTRAP) as (client, _):
        jetstream = client.jetstream()
        await jetstream.delete_stream("KV_actions")
        old = bucket_config(topology.ACTIONS)
        old.allow_msg_ttl = None
        await jetstream.add_stream(old)
    await server.declare()
    async with server.running(Service.ACTOR) as bus:
        await bus.bucket(topology.ACTIONS, Note).delete("one")
