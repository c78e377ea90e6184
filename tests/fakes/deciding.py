"""A decider on a bus and a cluster in memory, that can be restarted."""

from prometheus_client import CollectorRegistry

from factories.decider import LIMITS, PLAYBOOK
from factories.events import CHECKOUT, NAMESPACE, NOW
from ooda.common.bus.interface import BusUnavailableError
from ooda.common.cluster.kinds import Kind
from ooda.common.events import (
    DecisionMade,
    Event,
    IncidentClosed,
    ReviewAnswered,
    ReviewRequested,
    ReviewSettled,
)
from ooda.common.known_good import CATALOG
from ooda.common.testing.bus import FixedClock, MemoryBucket, MemoryBus, delivery
from ooda.common.testing.cluster import FakeCluster
from ooda.decider.core.budgets import Budgets
from ooda.decider.core.record import BUDGETS_KEY, Entry
from ooda.decider.desk import Desk
from ooda.decider.handlers import Handlers
from ooda.decider.meters import Meters

TEMPLATE = {"spec": {"containers": [{"name": "app", "image": "shop:1"}]}}
BROKEN = {"spec": {"containers": [{"name": "app", "image": "shop:2"}]}}


def set_mode(cluster: FakeCluster, mode: str) -> None:
    labels = {"ooda.dev/mode": mode}
    cluster.put(Kind.NAMESPACE, {"metadata": {"name": NAMESPACE, "labels": labels}})


def shop(cluster: FakeCluster, mode: str) -> FakeCluster:
    """Fill a cluster with one workload that was broken by a change, and what is known good."""
    set_mode(cluster, mode)
    cluster.put(
        Kind.DEPLOYMENT,
        {
            "metadata": {"namespace": NAMESPACE, "name": CHECKOUT.name},
            "spec": {"replicas": 2, "template": BROKEN},
        },
    )
    known = {"templates": [TEMPLATE], "replicas": 2, "healthyAt": NOW.isoformat()}
    cluster.put(
        Kind.KNOWN_GOOD,
        {
            "metadata": {"namespace": NAMESPACE, "name": CATALOG},
            "spec": {"workloads": {"Deployment/checkout": known}},
        },
    )
    return cluster


class FailingBucket(MemoryBucket[Entry]):
    """Fails the nth write, before or after it was done, as a crash would."""

    def __init__(self) -> None:
        super().__init__(Entry)
        self.writes = 0
        self.fail_at: int | None = None
        self.done = False

    async def put(self, key: str, record: Entry, revision: int | None) -> int:
        self.writes += 1
        failing = self.writes == self.fail_at
        if failing and not self.done:
            raise BusUnavailableError("away")
        new = await super().put(key, record, revision)
        if failing:
            raise BusUnavailableError("away, but it was written")
        return new


class Stage:
    """A decider that can be restarted, and what it stands on."""

    def __init__(self, mode: str = "auto") -> None:
        self.bus = MemoryBus()
        self.bucket = FailingBucket()
        self.clock = FixedClock(NOW)
        self.cluster = shop(FakeCluster(), mode)
        self.restart()

    def restart(self) -> None:
        self.metrics = CollectorRegistry()
        self.desk = Desk(
            self.bucket,
            self.bus,
            self.cluster,
            self.clock,
            PLAYBOOK,
            LIMITS,
            Meters(self.metrics),
        )
        self.handlers = Handlers(self.desk)

    async def tell(self, *events: Event) -> None:
        for event in events:
            await self.handlers.on_loop(delivery(event, stored_at=self.clock.now()))

    async def answer(self, *answers: ReviewAnswered) -> None:
        for each in answers:
            await self.handlers.on_answer(delivery(each, stored_at=self.clock.now()))

    def asked(self) -> ReviewRequested:
        """Return the question that was asked last."""
        found = [each for each in self.bus.published if isinstance(each, ReviewRequested)]
        return found[-1]

    def set_mode(self, mode: str) -> None:
        set_mode(self.cluster, mode)

    def settled(self) -> list[ReviewSettled]:
        return [each for each in self.bus.published if isinstance(each, ReviewSettled)]

    async def wake_after(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.restart()
        await self.desk.load()
        await self.desk.wake()

    def said(self) -> list[str]:
        return [_word(each) for each in self.bus.published]

    async def budgets(self) -> Budgets:
        stored = await self.bucket.get(BUDGETS_KEY)
        assert stored is not None
        assert isinstance(stored.record.content, Budgets)
        return stored.record.content


def _word(event: Event) -> str:
    match event:
        case DecisionMade(verdict=verdict):
            return str(verdict)
        case ReviewRequested():
            return "asked"
        case IncidentClosed(closure=closure):
            return str(closure)
        case ReviewSettled(settlement=settlement):
            return f"answer {settlement}"
        case _:
            return event.subject
