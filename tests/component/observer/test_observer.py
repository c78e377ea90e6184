"""The whole observer on a cluster and a bus in memory, restarts included."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from opentelemetry.trace import NoOpTracer
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from factories.events import CHECKOUT, make
from factories.objects import NAMESPACE, NOW, meta, pod, waiting
from factories.observed import healthy
from ooda.common.bus.interface import BusUnavailableError, Record
from ooda.common.cluster.interface import NotFound
from ooda.common.cluster.kinds import Kind
from ooda.common.events import (
    ActionExecuted,
    ActionStarted,
    AnomalyFlagged,
    Event,
    TelemetrySnapshot,
)
from ooda.common.known_good import CATALOG
from ooda.common.service import App, Consumption, Context
from ooda.common.taxonomy import Signal
from ooda.common.testing.bus import FixedClock, MemoryBucket, MemoryBus, delivery
from ooda.common.testing.cluster import FakeCluster
from ooda.common.topology import BASELINES, Bucket
from ooda.observer import observation
from ooda.observer.app import compose
from ooda.observer.ledger import Books
from ooda.observer.settings import ObserverSettings

DEADLINE = 10.0


class UnsureBucket(MemoryBucket[Record]):
    """Does not confirm the next writes, whether it does them or not."""

    def __init__(self, record: type[Record], name: str) -> None:
        super().__init__(record, name)
        self.unconfirmed = 0
        self.writes = True

    async def put(self, key: str, record: Record, revision: int | None) -> int:
        if self.unconfirmed and not self.writes:
            self.unconfirmed -= 1
            raise BusUnavailableError("away")
        written = await super().put(key, record, revision)
        if self.unconfirmed:
            self.unconfirmed -= 1
            raise BusUnavailableError("away")
        return written


class TriedBus(MemoryBus):
    """Says when an anomaly was about to be published."""

    def __init__(self) -> None:
        super().__init__()
        self.tried = asyncio.Event()
        self.tried_snapshots: list[Event] = []

    async def publish(self, event: Event) -> None:
        if event.subject == AnomalyFlagged.subject:
            self.tried.set()
        elif event.subject == TelemetrySnapshot.subject:
            self.tried_snapshots.append(event)
        await super().publish(event)

    def bucket(self, bucket: Bucket, record: type[Record]) -> UnsureBucket[Record]:
        found = self._buckets.setdefault(bucket.name, UnsureBucket(record, bucket.name))
        assert isinstance(found, UnsureBucket)
        return found


class World:
    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.bus = TriedBus()
        self.clock = FixedClock(NOW)
        for each in healthy(2):
            self.cluster.put(Kind(each["kind"]), each)

    @asynccontextmanager
    async def observer(self) -> AsyncIterator[App]:
        self.metrics = CollectorRegistry()
        context = Context(
            settings=ObserverSettings(settle_seconds=1),
            cluster_id="cluster",
            clock=self.clock,
            bus=lambda _: self.bus,
            api=self.cluster,  # type: ignore[arg-type]  # the fake of the real one
            tracer=NoOpTracer(),
            metrics=self.metrics,
        )
        app = await compose(context)
        tasks = [asyncio.ensure_future(each()) for each in app.tasks]
        try:
            yield app
        finally:
            for each in tasks:
                each.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(each, asyncio.CancelledError) for each in ends), ends

    async def known_good(self) -> dict[str, Any]:
        """Return the workloads of the catalogue; none if there is none."""
        try:
            stored = await self.cluster.get(Kind.KNOWN_GOOD, NAMESPACE, CATALOG)
        except NotFound:
            return {}
        return dict(stored["spec"]["workloads"])

    def measured(self, name: str, **labels: str) -> float | None:
        return self.metrics.get_sample_value(f"ooda_observer_{name}", labels)

    async def until(self, true: Callable[[], bool], *, step: float = 0.0) -> None:
        async with asyncio.timeout(DEADLINE):
            while not true():
                self.clock.advance(step)
                await asyncio.sleep(0.02)

    def subjects(self) -> list[str]:
        return [each.subject for each in self.bus.on("anomaly.>")]

    async def hear(self, app: App, event: Event) -> None:
        [consumption] = app.consumers
        assert isinstance(consumption, Consumption)
        await consumption.handler(delivery(event))

    def lose(self, name: str) -> None:
        self.cluster.put(Kind.POD, pod(name, deleted=0))
        self.cluster.remove(Kind.POD, NAMESPACE, name)

    def break_it(self) -> None:
        bad = pod("checkout-1-x", created=0, containers=[waiting("ErrImagePull")])
        self.cluster.put(Kind.POD, bad)


async def open_ids(world: World) -> set[str]:
    stored = await world.bus.bucket(BASELINES, Books).get(NAMESPACE)
    return stored.record.ids if stored else set()


async def test_a_failure_is_flagged_and_cleared_and_written_down_meanwhile() -> None:
    world = World()
    async with world.observer():
        world.break_it()
        await world.until(lambda: world.subjects() == ["anomaly.flagged"])
        assert len(await open_ids(world)) == 1
        assert world.measured("anomalies_open") == 1
        assert world.measured("anomalies_total", signal="image_pull") == 1
        world.cluster.remove(Kind.POD, NAMESPACE, "checkout-1-x")
        await world.until(lambda: len(world.subjects()) > 1, step=0.1)
        assert world.measured("anomalies_open") == 0
        assert world.measured("blind_kinds") == 0
        assert world.measured("pods") == 2
    assert world.subjects() == ["anomaly.flagged", "anomaly.cleared"]
    assert await open_ids(world) == set()


async def test_a_restarted_observer_tells_nothing_twice_and_clears_what_ended() -> None:
    world = World()
    async with world.observer():
        world.break_it()
        await world.until(lambda: world.subjects() == ["anomaly.flagged"])
    world.clock.advance(30)
    snapshots = len(world.bus.on("telemetry.snapshot"))
    async with world.observer():
        await world.until(lambda: len(world.bus.on("telemetry.snapshot")) > snapshots, step=0.1)
        assert world.subjects() == ["anomaly.flagged"]
    world.cluster.remove(Kind.POD, NAMESPACE, "checkout-1-x")
    async with world.observer():
        await world.until(lambda: len(world.subjects()) > 1, step=0.1)
    assert world.subjects() == ["anomaly.flagged", "anomaly.cleared"]


async def test_what_was_written_down_but_not_published_is_published_after_a_restart() -> None:
    world = World()
    world.bus.failure = BusUnavailableError("away")
    async with world.observer():
        world.break_it()
        await world.bus.tried.wait()
    assert world.subjects() == []
    assert len(await open_ids(world)) == 1
    world.bus.failure = None
    async with world.observer():
        await world.until(lambda: world.subjects() == ["anomaly.flagged"])


async def test_there_is_a_catalogue_though_nothing_is_known_to_be_good() -> None:
    world = World()
    world.lose("checkout-1-a")
    async with world.observer():
        await world.until(
            lambda: f"create KnownGood {NAMESPACE}/{CATALOG}" in world.cluster.writes, step=0.1
        )
        assert await world.known_good() == {}


async def test_the_known_good_is_created_and_survives_a_restart() -> None:
    world = World()
    async with world.observer():
        async with asyncio.timeout(DEADLINE):
            while not await world.known_good():
                world.clock.advance(0.1)
                await asyncio.sleep(0.02)
    known = (await world.known_good())["Deployment/checkout"]
    assert known["replicas"] == 2
    assert known["templates"][0]["spec"]["containers"][0]["image"] == "shop:1"
    world.clock.advance(60)
    live = dict(await world.cluster.get(Kind.DEPLOYMENT, NAMESPACE, "checkout"))
    world.cluster.put(Kind.DEPLOYMENT, live | {"spec": live["spec"] | {"replicas": 0}})
    async with world.observer():
        await world.until(lambda: world.subjects() == ["anomaly.flagged"])
    assert "its minimum is 1" in world.bus.on("anomaly.>")[0].summary


@pytest.mark.parametrize("ended", [False, True])
async def test_what_the_agent_did_before_a_restart_still_explains_a_pod_that_goes(
    *, ended: bool
) -> None:
    world = World()
    action: dict[str, Any] = {"action_id": "one", "namespace": NAMESPACE}
    async with world.observer() as app:
        await world.hear(app, make(ActionStarted, target=CHECKOUT, **action))
        if ended:
            await world.hear(app, make(ActionExecuted, **action))
    async with world.observer() as app:
        await world.until(lambda: app.status()["blind"] == "no")
        world.lose("checkout-1-a")
        await world.until(lambda: app.status()["pods"] == "1")
        snapshots = len(world.bus.on("telemetry.snapshot"))
        await world.until(lambda: len(world.bus.on("telemetry.snapshot")) > snapshots + 1, step=0.1)
    assert world.subjects() == []


async def test_an_action_that_ended_long_before_a_restart_explains_nothing() -> None:
    world = World()
    action: dict[str, Any] = {"action_id": "one", "namespace": NAMESPACE}
    async with world.observer() as app:
        await world.hear(app, make(ActionStarted, target=CHECKOUT, **action))
        await world.hear(app, make(ActionExecuted, **action))
    world.clock.advance(60)
    async with world.observer() as app:
        await world.until(lambda: app.status()["blind"] == "no")
        world.lose("checkout-1-a")
        await world.until(lambda: world.subjects() == ["anomaly.flagged"], step=0.1)


async def test_flags_of_a_time_without_the_bus_are_all_said_in_order_once_it_is_back() -> None:
    world = World()
    async with world.observer() as app:
        await world.until(lambda: app.status()["blind"] == "no")
        world.bus.failure = BusUnavailableError("away")
        world.break_it()
        await world.bus.tried.wait()
        world.lose("checkout-1-a")
        await world.until(lambda: app.status()["open anomalies"] == "2", step=0.1)
        world.cluster.remove(Kind.POD, NAMESPACE, "checkout-1-x")
        world.cluster.put(Kind.POD, pod("checkout-1-c"))
        await world.until(lambda: app.status()["open anomalies"] == "0", step=0.1)
        assert world.bus.on("anomaly.>") == []
        world.bus.failure = None
        await world.until(lambda: len(world.subjects()) == 4)
    flagged = [each for each in world.bus.on("anomaly.>") if isinstance(each, AnomalyFlagged)]
    assert [each.signal for each in flagged] == [Signal.IMAGE_PULL, Signal.POD_LOST]
    assert world.subjects()[:2] == ["anomaly.flagged", "anomaly.flagged"]
    assert await open_ids(world) == set()


@pytest.mark.parametrize("writes", [False, True])
async def test_a_record_whose_writing_was_not_confirmed_is_written_and_the_flag_said(
    *, writes: bool
) -> None:
    world = World()
    bucket = world.bus.bucket(BASELINES, Books)
    async with world.observer():
        bucket.writes, bucket.unconfirmed = writes, 1
        world.break_it()
        await world.until(lambda: world.subjects() == ["anomaly.flagged"])
        assert len(await open_ids(world)) == 1
        world.cluster.remove(Kind.POD, NAMESPACE, "checkout-1-x")
        await world.until(lambda: len(world.subjects()) > 1, step=0.1)
        await world.until(lambda: bucket.unconfirmed == 0)
    assert await open_ids(world) == set()


async def test_without_the_bus_one_snapshot_is_tried_and_all_come_once_it_is_back() -> None:
    world = World()
    other = pod("alone", owner=None)
    other["metadata"]["namespace"] = "other"
    world.cluster.put(Kind.POD, other)
    world.bus.failure = BusUnavailableError("away")
    async with world.observer() as app:
        await world.until(lambda: app.status()["blind"] == "no")
        await world.until(lambda: len(world.bus.tried_snapshots) > 3, step=0.1)
        times = [each.occurred_at for each in world.bus.tried_snapshots]
        assert len(set(times)) == len(times)
        world.bus.failure = None
        await world.until(
            lambda: (
                {each.namespace for each in world.bus.on("telemetry.snapshot")}
                == {NAMESPACE, "other"}
            ),
            step=0.1,
        )


async def test_a_kind_that_the_server_lacks_is_told_once_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(observation, "REFUSED_SECONDS", 0.01)
    world = World()
    world.cluster.lack(Kind.KNOWN_GOOD)
    created = f"create KnownGood {NAMESPACE}/{CATALOG}"
    with capture_logs() as logs:
        async with world.observer() as app:
            await world.until(lambda: app.status()["blind"] == str(Kind.KNOWN_GOOD), step=0.1)
            world.break_it()
            await world.until(lambda: world.subjects() == ["anomaly.flagged"])
            world.cluster.remove(Kind.POD, NAMESPACE, "checkout-1-x")
            await world.until(lambda: len(world.subjects()) > 1, step=0.1)
            assert created not in world.cluster.writes
            world.cluster.lack()
            await world.until(lambda: created in world.cluster.writes, step=0.1)
    said = [each for each in logs if each["event"] == "cannot watch: blind"]
    assert [(each["log_level"], each["kind"]) for each in said] == [("error", "KnownGood")]


USER = f"system:serviceaccount:{NAMESPACE}:reader"
NO_GET = (
    f'configmaps "a" is forbidden: User "{USER}" cannot get resource "configmaps" '
    f'in API group "" in the namespace "{NAMESPACE}"\n'
)


async def granted(world: World, *verbs: str) -> None:
    """Have the workload's account bound to a Role with these verbs."""
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": list(verbs)}]
    world.cluster.put(Kind.ROLE, {"metadata": meta("reader"), "rules": rules})
    subject = {"kind": "ServiceAccount", "name": "reader", "namespace": NAMESPACE}
    body = {"metadata": meta("reader"), "subjects": [subject]}
    world.cluster.put(Kind.ROLE_BINDING, body | {"roleRef": {"kind": "Role", "name": "reader"}})
    for name in ("checkout-1-a", "checkout-1-b"):
        world.cluster.put(Kind.POD, pod(name, spec={"serviceAccountName": "reader"}))


async def known_account(world: World) -> bool:
    try:
        stored = await world.cluster.get(Kind.KNOWN_GOOD, NAMESPACE, CATALOG)
    except NotFound:
        return False
    return "reader" in stored["spec"]["serviceAccounts"]


@pytest.mark.parametrize("said", [NO_GET, "served 403 to a customer\n"], ids=["denied", "not"])
async def test_the_logs_of_an_account_are_read_when_its_rights_were_reduced(said: str) -> None:
    world = World()
    await granted(world, "get", "list")
    async with world.observer():
        async with asyncio.timeout(DEADLINE):
            while not await known_account(world):
                world.clock.advance(0.5)
                await asyncio.sleep(0.02)
        world.cluster.set_logs(NAMESPACE, "checkout-1-b", "app", said)
        await granted(world, "list")
        seen = len(world.bus.on("telemetry.snapshot"))
        await world.until(lambda: len(world.bus.on("telemetry.snapshot")) > seen + 3, step=0.5)
        flagged = world.bus.on("anomaly.flagged")
        signals = {each.signal for each in flagged if isinstance(each, AnomalyFlagged)}
        assert (Signal.ACCESS_DENIED in signals) is (said == NO_GET)
